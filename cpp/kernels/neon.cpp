#include <arm_neon.h>

#include "kernels/common.h"

namespace nablanet {
namespace {
#include "kernels/vec_neon.h"

#include "kernels/pack.inl"

#include "kernels/kernels.inl"
}  // namespace

extern const KernelSet neon_kernels;
const KernelSet neon_kernels = {"neon", table<float>(), table<double>()};

}  // namespace nablanet
