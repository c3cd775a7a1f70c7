// What the demo's LLaVA is asked about a scene, and what it should answer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/demo/attributes.h"
#include "core/demo/random.h"
#include "core/demo/training_data.h"

namespace sememe {

// A word of an answer with the blank before it, and the attributes that it depends on: bit i for attribute i.
struct AnswerWord {
  std::string text;
  unsigned about = 0;
};

struct Exchange {
  std::string question;
  std::vector<AnswerWord> answer;
  std::string answerText() const;  // without blanks at its ends
};

// The paper's question ("What is shown in this image? Use exactly one word!") and its like for the other attributes.
std::string oneWordQuestion(WorldAttribute attribute);
// Asks for all of a scene.
std::string_view captionQuestion();

// One word about the main object (or the background), in the words of oneWordQuestion() or in one of many others.
Exchange askOneWord(const SceneLabels& scene, WorldAttribute attribute, WorldRandom& random);
// All there is to see, in a sentence.
Exchange askCaption(const SceneLabels& scene, WorldRandom& random);
// Anything else that can be asked, mostly answered in a sentence: an attribute, how many objects, yes or no.
Exchange askAnything(const SceneLabels& scene, WorldRandom& random);

// What askCaption() answers.
std::string sceneSentence(const SceneLabels& scene);

// Every word of the questions and answers, in lower case, sorted.
std::vector<std::string> chatWords();

}  // namespace sememe
