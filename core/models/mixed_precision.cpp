// Matrix products in bfloat16, by PyTorch's autocast.
#include "core/models/mixed_precision.h"

#include <ATen/autocast_mode.h>

namespace sememe {

MixedPrecision::MixedPrecision(at::DeviceType device)
    : m_device(device),
      m_wasEnabled(at::autocast::is_autocast_enabled(device)),
      m_before(at::autocast::get_autocast_dtype(device)) {
  at::autocast::set_autocast_dtype(m_device, at::kBFloat16);
  at::autocast::set_autocast_enabled(m_device, true);
}

MixedPrecision::~MixedPrecision() {
  at::autocast::clear_cache();  // the casts of weights that an optimizer is about to change
  at::autocast::set_autocast_enabled(m_device, m_wasEnabled);
  at::autocast::set_autocast_dtype(m_device, m_before);
}

}  // namespace sememe
