#include "core/isa.h"

#include <stdexcept>

namespace nablanet {

#if defined(__x86_64__)
extern const KernelSet avx512_kernels;
extern const KernelSet avx2_kernels;
#elif defined(__aarch64__)
extern const KernelSet neon_kernels;
#endif
extern const KernelSet generic_kernels;

namespace {

struct Candidate {
  const KernelSet* kernels;
  bool (*supported)();
};

// __builtin_cpu_supports asks the operating system too, through XGETBV.
const Candidate kCandidates[] = {
#if defined(__x86_64__)
    {&avx512_kernels, [] { return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"); }},
    {&avx2_kernels, [] { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }},
#elif defined(__aarch64__)
    {&neon_kernels, [] { return true; }},
#endif
    {&generic_kernels, [] { return true; }},
};

std::string names(const std::vector<const KernelSet*>& sets) {
  std::string text;
  for (const KernelSet* set : sets) text += (text.empty() ? "" : ", ") + std::string(set->name);
  return text;
}

}  // namespace

std::vector<const KernelSet*> compiled_kernels() {
  std::vector<const KernelSet*> all;
  for (const Candidate& candidate : kCandidates) all.push_back(candidate.kernels);
  return all;
}

std::vector<const KernelSet*> supported_kernels() {
  std::vector<const KernelSet*> usable;
  for (const Candidate& candidate : kCandidates) {
    if (candidate.supported()) usable.push_back(candidate.kernels);
  }
  return usable;
}

const KernelSet& choose_kernels(const std::string& name) {
  const auto usable = supported_kernels();
  if (name.empty()) return *usable.front();
  for (const KernelSet* set : usable) {
    if (set->name == name) return *set;
  }
  throw std::invalid_argument("no instruction set '" + name + "' to run on this machine; this build has " +
                              names(compiled_kernels()) + ", of which it runs " + names(usable));
}

}  // namespace nablanet
