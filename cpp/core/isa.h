// Which instruction sets this build holds, which of them this machine runs, and the choice of one.
#pragma once

#include <string>
#include <vector>

#include "core/kernels.h"

namespace nablanet {

// Fastest first.
std::vector<const KernelSet*> compiled_kernels();

// Of these, the ones that CPU and operating system support.
std::vector<const KernelSet*> supported_kernels();

// The fastest, or the one of that name. Throws std::invalid_argument with the names there are.
const KernelSet& choose_kernels(const std::string& name);

}  // namespace nablanet
