// Rows to train on: those of a tensor argument or a run, without the rows of failed images.
#pragma once

#include <memory>
#include <string>

#include "core/weights/tensor_source.h"

namespace sememe {

// Throws Error as RowInput::open() does.
std::unique_ptr<TensorSource> openGoodRows(const std::string& spec);

}  // namespace sememe
