#include "kernels/common.h"

namespace nablanet {
namespace {
#include "kernels/vec_generic.h"

#include "kernels/pack.inl"

#include "kernels/kernels.inl"
}  // namespace

extern const KernelSet generic_kernels;
const KernelSet generic_kernels = {"generic", table<float>(), table<double>()};

}  // namespace nablanet
