#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bind/bindings.h"
#include "core/isa.h"

namespace nb = nanobind;

namespace {

std::vector<std::string> names(const std::vector<const nablanet::KernelSet*>& sets) {
  std::vector<std::string> out;
  for (const auto* set : sets) out.emplace_back(set->name);
  return out;
}

}  // namespace

NB_MODULE(_core, module) {
  module.doc() = "The compiled engine. Use it through nablanet.engine, which checks what goes in.";
  module.attr("compiler") = NABLANET_COMPILER;
  module.def("compiled_isas", [] { return names(nablanet::compiled_kernels()); });
  module.def("supported_isas", [] { return names(nablanet::supported_kernels()); });
  module.def("choose_isa", [](const std::string& name) { return nablanet::choose_kernels(name).name; });
  bind_engine(module);
  bind_single(module);
}
