// GPT-2's printable stand-ins for the 256 bytes. Internal to core/text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sememe::text {

// Each byte of the text as its stand-in character.
std::string bytesToStandIns(std::string_view text);

// The bytes that the characters stand for; nothing when one of them is no stand-in.
std::optional<std::string> standInsToBytes(std::string_view text);

}  // namespace sememe::text
