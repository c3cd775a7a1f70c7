// Devices and precisions as the command line names them.
#pragma once

#include <torch/torch.h>

#include <string>

namespace sememe {

// "auto" (the first GPU, else the CPU), "cpu", "cuda", "cuda:N". Throws Error (Invalid) when it is not known or not there.
at::Device resolveDevice(const std::string& name);

// "f32", "bf16", "f16". Throws Error (Invalid).
at::ScalarType resolvePrecision(const std::string& name);

}  // namespace sememe
