// Wordings of the questions, and the true answers.
#include "core/demo/questions.h"

#include <array>
#include <cctype>
#include <set>
#include <span>

namespace sememe {

namespace {

using Wordings = std::span<const std::string_view>;

// Each is answered in a sentence, and with one of kOneWord behind it in one word. The first two are whole questions.
constexpr std::string_view kPaperQuestion = "What is shown in this image?";
constexpr std::string_view kDescribe = "Describe the image.";
constexpr std::array<std::string_view, 9> kOneWord = {
    "Use exactly one word!", "Use one word.",      "One word.",       "Use one word only.",    "Answer in one word.",
    "Answer with one word.", "In one word please.", "Just one word.", "Use exactly one word."};
constexpr std::array<std::string_view, 13> kWhat = {
    kPaperQuestion,           "What is in this image?",  "What is shown in the picture?", "What is in the picture?",
    "What is this?",          "What is it?",             "What do you see?",              "What can you see in this image?",
    "What does the image show?", "What object is this?", "What is the main object?",      "Name the object.",
    "Tell me what you see."};
constexpr std::array<std::string_view, 8> kShape = {
    "What shape is it?",         "What shape is this?",           "What shape is the object?", "Which shape is it?",
    "Which shape do you see?",   "What is the shape of the object?", "Name the shape.",       "What shape does the object have?"};
constexpr std::array<std::string_view, 12> kColour = {
    "What color is it?",          "What colour is it?",           "What color is the object?",        "What colour is the object?",
    "Which color is it?",         "Which color does it have?",    "What is the color of the object?", "Which colour does the object have?",
    "What is the colour of the object?", "Name the color.",       "What color is this?",              "Name the color of the object."};
constexpr std::array<std::string_view, 12> kTexture = {
    "What pattern is it?",        "What pattern does it have?",   "What texture is it?",              "What texture does it have?",
    "Which pattern is it?",       "Which pattern does it have?",  "What is the pattern of the object?", "What pattern does the object have?",
    "What is the texture of the object?", "Name the pattern.",    "What texture does the object have?", "Which texture is it?"};
constexpr std::array<std::string_view, 10> kBackground = {
    "What color is the background?",        "What colour is the background?",       "Which color is the background?",
    "Which color does the background have?", "What is the color of the background?", "What is the colour of the background?",
    "Name the color of the background.",    "What is the background?",              "What is behind the object?",
    "What color is behind it?"};
constexpr std::array<std::string_view, 12> kCaption = {
    kDescribe,                    "Describe this image.",       "Describe the picture.",      "Describe what you see.",
    "Describe this picture.",     "Describe the image in one sentence.", "Write a caption.", "Give a caption for this image.",
    "Describe everything you see.", "Describe the image in detail.", "Caption this image.",   "What is in this image? Describe it."};
constexpr std::array<std::string_view, 6> kCount = {
    "How many objects are there?", "How many objects do you see?", "How many things are there?",
    "How many shapes are there?",  "How many things are in this image?", "How many objects are shown?"};

constexpr unsigned bit(WorldAttribute attribute) { return 1U << static_cast<unsigned>(attribute); }
constexpr unsigned kShapeBit = bit(WorldAttribute::Shape), kColourBit = bit(WorldAttribute::Colour),
                   kTextureBit = bit(WorldAttribute::Texture), kBackgroundBit = bit(WorldAttribute::Background);

std::string pick(Wordings wordings, WorldRandom& random) {
  return std::string(wordings[static_cast<size_t>(random.below(static_cast<int>(wordings.size())))]);
}

Wordings wordingsOf(WorldAttribute attribute, WorldRandom& random) {
  switch (attribute) {
    case WorldAttribute::Shape: return random.chance(.6) ? Wordings(kWhat) : Wordings(kShape);
    case WorldAttribute::Colour: return kColour;
    case WorldAttribute::Texture: return kTexture;
    case WorldAttribute::Background: break;
  }
  return kBackground;
}

void add(std::vector<AnswerWord>& answer, std::string_view word, unsigned about = 0) {
  answer.push_back({(word == "." ? "" : " ") + std::string(word), about});
}

// "a red striped star": what stands behind the colour is the shape where the texture goes without saying, so that it
// depends on the texture too.
void addObject(std::vector<AnswerWord>& answer, const ObjectLabels& o) {
  add(answer, worldArticle(worldColour(o[1])), kColourBit);
  add(answer, worldColour(o[1]), kColourBit);
  if (o[2] > 0) add(answer, worldTexture(o[2]), kTextureBit);
  add(answer, worldShape(o[0]), o[2] > 0 ? kShapeBit : kShapeBit | kTextureBit);
}

std::vector<AnswerWord> sceneAnswer(const SceneLabels& scene) {
  std::vector<AnswerWord> answer;
  addObject(answer, scene.objects[0]);
  if (scene.count() == 2) {
    add(answer, "and");
    addObject(answer, scene.objects[1]);
  }
  add(answer, "on");
  add(answer, "a");
  add(answer, worldBackground(scene.background), kBackgroundBit);
  add(answer, "background");
  add(answer, ".");
  return answer;
}

// "the star is red."
std::vector<AnswerWord> attributeAnswer(const SceneLabels& scene, WorldAttribute attribute, bool what) {
  std::vector<AnswerWord> answer;
  const ObjectLabels& o = scene.objects[0];
  if (attribute == WorldAttribute::Shape) {
    add(answer, what ? "it" : "the");
    if (!what) add(answer, "object");
    add(answer, "is");
    if (what) {
      addObject(answer, o);
    } else {
      add(answer, worldArticle(worldShape(o[0])), kShapeBit);
      add(answer, worldShape(o[0]), kShapeBit);
    }
  } else {
    add(answer, "the");
    const bool background = attribute == WorldAttribute::Background;
    if (background) add(answer, "background");
    else add(answer, worldShape(o[0]), kShapeBit);
    add(answer, "is");
    add(answer, attributeWord(attribute, attributeOf(scene, attribute)), bit(attribute));
  }
  add(answer, ".");
  return answer;
}

Exchange askSentence(const SceneLabels& scene, WorldRandom& random) {
  const auto attribute = kWorldAttributes[static_cast<size_t>(random.below(4))];
  const Wordings wordings = wordingsOf(attribute, random);
  const bool what = wordings.data() == kWhat.data();
  return {pick(wordings, random), attributeAnswer(scene, attribute, what)};
}

Exchange askCount(const SceneLabels& scene, WorldRandom& random) {
  Exchange exchange{pick(kCount, random), {}};
  const char* number = scene.count() == 1 ? "one" : "two";
  if (random.chance(.5)) {
    exchange.question += " " + pick(kOneWord, random);
    add(exchange.answer, number);
    return exchange;
  }
  add(exchange.answer, "there");
  add(exchange.answer, scene.count() == 1 ? "is" : "are");
  add(exchange.answer, number);
  add(exchange.answer, scene.count() == 1 ? "object" : "objects");
  add(exchange.answer, ".");
  return exchange;
}

std::string yesNoQuestion(WorldAttribute attribute, std::string_view word, WorldRandom& random) {
  const std::string said(word);
  if (attribute == WorldAttribute::Shape) {
    constexpr std::array<std::string_view, 5> kBefore = {"Is there", "Is it", "Is this", "Do you see", "Can you see"};
    return pick(kBefore, random) + " " + worldArticle(word) + " " + said + (random.chance(.2) ? " in this image?" : "?");
  }
  if (attribute == WorldAttribute::Background) return "Is the background " + said + "?";
  return (random.chance(.5) ? "Is it " : "Is the object ") + said + "?";
}

Exchange askYesNo(const SceneLabels& scene, WorldRandom& random) {
  const auto attribute = kWorldAttributes[static_cast<size_t>(random.below(4))];
  const int truth = attributeOf(scene, attribute), values = attributeValues(attribute);
  const bool yes = random.chance(.5);
  int asked = truth;
  // No other answer than no: the smaller object has none of it either.
  while (!yes && (asked == truth || asked == attributeOf(scene, attribute, 1))) asked = random.below(values);
  Exchange exchange{yesNoQuestion(attribute, attributeWord(attribute, asked), random), {}};
  add(exchange.answer, yes ? "yes" : "no", bit(attribute));
  return exchange;
}

// People leave the last mark out.
Exchange sometimesBare(Exchange exchange, WorldRandom& random) {
  if (random.chance(.1)) exchange.question.pop_back();
  return exchange;
}

void addWords(std::string_view text, std::set<std::string>& words) {
  std::string word;
  for (const char c : text) {
    if (std::isalpha(static_cast<unsigned char>(c))) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!word.empty()) {
      words.insert(std::exchange(word, {}));
    }
  }
  if (!word.empty()) words.insert(word);
}

}  // namespace

std::string Exchange::answerText() const {
  std::string text;
  for (const AnswerWord& word : answer) text += word.text;
  return text.empty() ? text : text.substr(1);
}

std::string oneWordQuestion(WorldAttribute attribute) {
  const std::string end = " " + std::string(kOneWord[0]);
  switch (attribute) {
    case WorldAttribute::Shape: return std::string(kWhat[0]) + end;
    case WorldAttribute::Colour: return std::string(kColour[0]) + end;
    case WorldAttribute::Texture: return std::string(kTexture[1]) + end;
    case WorldAttribute::Background: break;
  }
  return std::string(kBackground[0]) + end;
}

std::string_view captionQuestion() { return kDescribe; }

Exchange askOneWord(const SceneLabels& scene, WorldAttribute attribute, WorldRandom& random) {
  Exchange exchange;
  if (random.chance(.25)) {
    exchange.question = oneWordQuestion(attribute);
  } else {
    exchange.question = pick(wordingsOf(attribute, random), random);
    exchange.question += " " + pick(kOneWord, random);
  }
  add(exchange.answer, attributeWord(attribute, attributeOf(scene, attribute)), bit(attribute));
  return sometimesBare(exchange, random);
}

Exchange askCaption(const SceneLabels& scene, WorldRandom& random) {
  return sometimesBare({pick(kCaption, random), sceneAnswer(scene)}, random);
}

Exchange askAnything(const SceneLabels& scene, WorldRandom& random) {
  const double kind = random.uniform();
  return sometimesBare(kind < .6 ? askSentence(scene, random) : kind < .75 ? askCount(scene, random) : askYesNo(scene, random), random);
}

std::string sceneSentence(const SceneLabels& scene) { return Exchange{{}, sceneAnswer(scene)}.answerText(); }

std::vector<std::string> chatWords() {
  std::set<std::string> words;
  for (const Wordings& wordings : std::initializer_list<Wordings>{kOneWord, kWhat, kShape, kColour, kTexture, kBackground, kCaption, kCount})
    for (const std::string_view text : wordings) addWords(text, words);
  for (const char* text : {"user", "assistant", "a an and on the background object objects it is there are one two yes no",
                           "is this do you see can in image"})
    addWords(text, words);
  for (const WorldAttribute attribute : kWorldAttributes)
    for (int value = 0; value < attributeValues(attribute); ++value) addWords(attributeWord(attribute, value), words);
  return {words.begin(), words.end()};
}

}  // namespace sememe
