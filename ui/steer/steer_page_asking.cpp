// The Steer page: the question, and what LLaVA says.
#include <QSignalBlocker>
#include <utility>

#include "ui/steer/steer_page.h"

namespace sememe {
namespace {

constexpr double kQuickSeconds = 0.06;  // a whole answer: then it follows the slider too

QStringList paperQuestions() {
  return {QStringLiteral("What is shown in this image? Use exactly one word!"), QStringLiteral("Write me a short love poem"),
          QStringLiteral("Describe this image in one sentence.")};
}

}  // namespace

// The last asked first, then the paper's.
void SteerPage::showQuestions() {
  const QSignalBlocker quiet(m_question);
  m_question->clear();
  m_question->addItems(m_questions);
  for (const QString& q : paperQuestions()) {
    if (!m_questions.contains(q)) m_question->addItem(q);
  }
  m_question->setCurrentIndex(0);
}

void SteerPage::submitQuestion() {
  const QString text = m_question->currentText().trimmed();
  if (text.isEmpty()) return;
  remember(m_questions, text, kSteerQuestions);
  showQuestions();
  ask();
  Q_EMIT settled();
}

void SteerPage::ask() {
  const QString question = m_question->currentText().trimmed();
  if (!m_loaded || !m_image || m_readingImage || question.isEmpty()) return updateButtons();
  LiveWish wish;
  wish.image = m_image;
  wish.question = question.toStdString();
  wish.sampling = m_sampling->options();
  wish.steering = toSteering(m_edits);
  wish.painted = m_edits.painted;
  wish.speak = m_quick || !m_rows->isMoving();
  m_askedWhole = wish.speak;
  const Context context{m_image, question, wish.sampling};
  m_asked = m_engine->live().ask(std::move(wish));
  if (context != m_context) {
    m_context = context;
    m_contextFrom = m_asked;
    m_bars->clear();
    for (const Speaker s : {Speaker::Original, Speaker::Reconstruction}) answer(s).await();
  }
  answer(Speaker::Steered).await();
  m_filled = false;
  setBusy(true);
}

void SteerPage::stop() {
  m_engine->live().stop();
  for (AnswerColumn* column : m_answers) column->breakOff();
  setBusy(false);
  finish();
}

void SteerPage::setBusy(bool busy) {
  m_busy = busy;
  if (!busy) m_busySoon.stop();
  else if (!m_busySoon.isActive() && !m_ask->property("stops").toBool()) m_busySoon.start();
  if (!busy) updateButtons();
}

void SteerPage::hearSpeech(const LiveEvent& event) {
  if (const auto* seen = std::get_if<LiveSeen>(&event.what)) return see(*seen);
  if (const auto* looked = std::get_if<LiveLooked>(&event.what)) {
    if (looked->image != m_image) return;
    if (looked->look.patches == m_lookPatches) m_finder->setFiring(looked->firing, m_lookWhere.isEmpty() ? tr("on this image") : m_lookWhere);
    m_panel->setHeat(looked->activations, looked->look.neuron < 0 ? QString() : tr("neuron %1").arg(looked->look.neuron));
    m_looked = true;
    return finish();
  }
  if (event.generation != 0 && event.generation < m_contextFrom) return;  // of another image or question
  if (const auto* first = std::get_if<LiveFirst>(&event.what)) {
    if (first->speaker == Speaker::Steered) m_bars->setChances(first->chances);
  } else if (const auto* text = std::get_if<LiveText>(&event.what)) {
    AnswerColumn& column = answer(text->speaker);
    if (std::exchange(m_speaking[size_t(text->speaker)], event.generation) != event.generation) column.await();
    column.say(QString::fromStdString(text->piece));
  } else if (const auto* whole = std::get_if<LiveAnswer>(&event.what)) {
    m_speaking[size_t(whole->speaker)] = event.generation;
    AnswerColumn& column = answer(whole->speaker);
    const bool known = column.state() == AnswerColumn::State::Whole && column.text() == QString::fromStdString(whole->spoken.text);
    if (!known) column.finish(whole->spoken);
    const auto& seconds = whole->spoken.answer.seconds;
    if (whole->speaker == Speaker::Steered) m_quick = seconds.vision + seconds.prefill + seconds.decode < kQuickSeconds;
  } else if (const auto* finished = std::get_if<LiveFinished>(&event.what)) {
    if (event.generation != m_asked) return;
    if (finished->stopped) {
      for (AnswerColumn* column : m_answers) column->breakOff();
    }
    setBusy(false);
    finish();
  } else if (const auto* failure = std::get_if<LiveFailed>(&event.what)) {
    if (event.generation != 0 && event.generation != m_asked) return;
    if (event.generation != 0) {
      for (AnswerColumn* column : m_answers) column->breakOff();
      setBusy(false);
    }
    m_looked = true;
    finish();
    fail(tr("LLaVA could not answer"), failure->error);
  }
}

}  // namespace sememe
