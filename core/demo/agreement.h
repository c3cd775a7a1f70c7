// What a neuron's strongest images have in common, by the demo world's ground truth.
#pragma once

#include <string>
#include <vector>

#include "core/demo/world.h"

namespace sememe {

// One value of one kind of attribute, and how many of the images have it (on either of their objects).
struct SharedAttribute {
  std::string word;  // "star", "red", "striped", "blue background"
  int images = 0;
};

// Per kind (colour, texture, shape, background, in this order) the value that most scenes share; ties: the
// first.
std::vector<SharedAttribute> sharedAttributes(const std::vector<const Scene*>& scenes);

// The words that at least `least` scenes share, as one label: "red striped"; empty when there is none.
std::string sharedLabel(const std::vector<const Scene*>& scenes, int least);

}  // namespace sememe
