#pragma once

#include <nanobind/nanobind.h>

void bind_engine(nanobind::module_& module);
void bind_single(nanobind::module_& module);
