// How the Steer page is laid out.
#include <QHBoxLayout>
#include <QLineEdit>
#include <QScrollArea>
#include <QVBoxLayout>

#include "ui/steer/steer_page.h"

namespace sememe {

QWidget* SteerPage::panelOf(QWidget* content, int minimumWidth) {
  auto* frame = new QFrame;
  frame->setProperty("panel", true);
  auto* box = new QVBoxLayout(frame);
  box->setContentsMargins(0, 0, 0, 0);
  box->addWidget(content);
  frame->setMinimumWidth(minimumWidth);
  return frame;
}

QWidget* SteerPage::makeLoading() {
  auto* page = new QWidget;
  m_loadingTitle = new QLabel;
  m_loadingTitle->setProperty("role", QStringLiteral("title"));
  m_loadingTitle->setAlignment(Qt::AlignCenter);
  m_loadingText = new QLabel;
  m_loadingText->setProperty("role", QStringLiteral("muted"));
  m_loadingText->setAlignment(Qt::AlignCenter);
  m_loadingBar = new QProgressBar;
  m_loadingBar->setTextVisible(false);
  m_loadingBar->setFixedWidth(40 * kUnit);
  m_loadingCancel = new QPushButton(tr("Cancel"));
  auto* column = new QVBoxLayout(page);
  column->setSpacing(kUnit + kUnit / 2);
  column->addStretch(2);
  column->addWidget(m_loadingTitle);
  column->addWidget(m_loadingBar, 0, Qt::AlignHCenter);
  column->addWidget(m_loadingText);
  column->addWidget(m_loadingCancel, 0, Qt::AlignHCenter);
  column->addStretch(3);
  return page;
}

QWidget* SteerPage::makeHeader() {
  auto* header = new QFrame;
  header->setProperty("role", QStringLiteral("header"));
  m_modelName = new QLabel;
  m_modelName->setProperty("role", QStringLiteral("title"));
  m_modelName->setTextFormat(Qt::PlainText);
  m_modelFacts = new QLabel;
  m_modelFacts->setProperty("role", QStringLiteral("muted"));
  m_modelFacts->setTextFormat(Qt::PlainText);
  m_modelFacts->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  m_change = new QPushButton(tr("Change…"));
  m_change->setProperty("small", true);
  m_change->setToolTip(tr("Choose another model or SAE"));
  m_presets = new PresetMenu(m_runner, [this] { return preset(); });
  m_copy = new QPushButton(tr("Copy as command"));
  m_copy->setProperty("small", true);
  m_copy->setIcon(m_theme.icon(QStringLiteral("copy")));
  m_copy->setToolTip(tr("Copy the sememe-cli command that gives the same answers (Ctrl+Shift+K)"));
  auto* row = new QHBoxLayout(header);
  row->setContentsMargins(2 * kUnit, kUnit, 2 * kUnit, kUnit);
  row->setSpacing(kUnit + kUnit / 2);
  row->addWidget(m_modelName);
  row->addWidget(m_modelFacts, 1);
  row->addWidget(m_change);
  row->addWidget(m_presets);
  row->addWidget(m_copy);
  return header;
}

QWidget* SteerPage::makeNeurons() {
  auto* page = new QWidget;
  auto* title = new QLabel(tr("Neurons"));
  title->setProperty("role", QStringLiteral("heading"));
  m_mode = new QComboBox;
  m_mode->addItem(tr("Replace"), int(Steering::Mode::Replace));
  m_mode->addItem(tr("Keep error"), int(Steering::Mode::KeepError));
  m_mode->setItemData(0, tr("The tower goes on with the SAE's reconstruction, as in the paper"), Qt::ToolTipRole);
  m_mode->setItemData(1, tr("The tower's own activation, with only what the edit changes added"), Qt::ToolTipRole);
  m_mode->setToolTip(tr("Replace: the tower goes on with the SAE's reconstruction, as in the paper\n"
                        "Keep error: with its own activation, and only what the edit changes added"));
  m_mode->setAccessibleName(tr("How the edit is put back"));
  m_preZero = new QCheckBox(tr("Silence all others"));
  m_preZero->setToolTip(tr("Every other neuron is 0 (the paper's pre_zero)"));
  const auto button = [&](const QString& icon, const QString& name) {
    auto* b = new QToolButton;
    b->setIcon(m_theme.icon(icon));
    b->setIconSize({18, 18});
    b->setFocusPolicy(Qt::TabFocus);
    b->setAccessibleName(name);
    return b;
  };
  m_undoButton = button(QStringLiteral("undo"), tr("Undo"));
  m_redoButton = button(QStringLiteral("redo"), tr("Redo"));
  auto* head = new QHBoxLayout;
  head->setContentsMargins(kUnit + 4, kUnit, kUnit, kUnit);
  head->setSpacing(kUnit);
  head->addWidget(title);
  head->addStretch(1);
  head->addWidget(m_preZero);
  head->addSpacing(kUnit);
  head->addWidget(m_mode);
  head->addWidget(m_undoButton);
  head->addWidget(m_redoButton);
  auto* rule = new QFrame;
  rule->setProperty("role", QStringLiteral("rule"));
  m_rows = new SteerRows(m_theme, *m_loader);
  auto* column = new QVBoxLayout(page);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addLayout(head);
  column->addWidget(rule);
  column->addWidget(m_rows, 1);
  return page;
}

QWidget* SteerPage::makeAnswers() {
  auto* page = new QWidget;
  m_question = new QComboBox;
  m_question->setEditable(true);
  m_question->setInsertPolicy(QComboBox::NoInsert);
  m_question->setCompleter(nullptr);
  m_question->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  m_question->setMinimumContentsLength(12);
  m_question->setAccessibleName(tr("Question"));
  m_question->lineEdit()->setPlaceholderText(tr("What do you want to know of the image?"));
  m_sampling = new SamplingBox;
  m_ask = new QPushButton(tr("Ask"));
  m_ask->setProperty("primary", true);
  m_ask->setMinimumWidth(10 * kUnit);
  auto* head = new QHBoxLayout;
  head->setContentsMargins(2 * kUnit, kUnit + 2, 2 * kUnit, kUnit + 2);
  head->setSpacing(kUnit);
  head->addWidget(m_question, 1);
  head->addWidget(m_sampling);
  head->addWidget(m_ask);
  auto* rule = new QFrame;
  rule->setProperty("role", QStringLiteral("rule"));
  m_answers[size_t(Speaker::Original)] = new AnswerColumn(m_theme, tr("Original"), tr("LLaVA as it is"), false);
  m_answers[size_t(Speaker::Reconstruction)] =
      new AnswerColumn(m_theme, tr("Reconstruction"), tr("The SAE's reconstruction in the tower, no neuron edited: what the SAE alone does"), false);
  m_answers[size_t(Speaker::Steered)] = new AnswerColumn(m_theme, tr("Steered"), tr("With the neurons as they are set above"), true);
  auto* three = new QHBoxLayout;
  three->setSpacing(0);
  for (const Speaker speaker : {Speaker::Original, Speaker::Reconstruction, Speaker::Steered}) {
    if (three->count() > 0) {
      auto* line = new QFrame;
      line->setProperty("role", QStringLiteral("line"));
      three->addWidget(line);
    }
    three->addWidget(m_answers[size_t(speaker)], 1);
  }
  auto* column = new QVBoxLayout(page);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addLayout(head);
  column->addWidget(rule);
  column->addLayout(three, 1);
  return page;
}

// The image and what fires on it at the left; beside them the neurons with the first tokens, above the question and its answers.
void SteerPage::buildLayout() {
  m_chooser = new ModelChooser;
  m_panel = new ImagePanel(m_theme);
  m_finder = new NeuronFinder(m_theme, m_runner, *m_loader);
  m_bars = new TokenBars(m_theme);
  m_bars->setEmptyText(tr("The likeliest first words of the answer, and how likely they were before."));

  auto* image = new QWidget;
  auto* around = new QVBoxLayout(image);
  around->setContentsMargins(kUnit, kUnit, kUnit, kUnit / 2);
  around->addWidget(m_panel);
  m_left = new KeptSplitter(Qt::Vertical);
  m_left->addWidget(panelOf(image, 0));
  m_left->addWidget(panelOf(m_finder, 0));
  m_left->setStretchFactor(0, 1);
  m_left->setStretchFactor(1, 1);
  m_left->setMinimumWidth(300);

  auto* first = new QWidget;
  auto* title = new QLabel(tr("First token"));
  title->setProperty("role", QStringLiteral("heading"));
  auto* inset = new QWidget;
  auto* insetBox = new QVBoxLayout(inset);
  insetBox->setContentsMargins(2 * kUnit, kUnit, 2 * kUnit, kUnit);
  insetBox->addWidget(m_bars);
  insetBox->addStretch(1);
  auto* scroll = new QScrollArea;
  scroll->setWidget(inset);
  inset->setAutoFillBackground(false);
  scroll->viewport()->setAutoFillBackground(false);
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setFocusPolicy(Qt::NoFocus);
  auto* firstColumn = new QVBoxLayout(first);
  firstColumn->setContentsMargins(0, 0, 0, 0);
  firstColumn->setSpacing(0);
  title->setContentsMargins(2 * kUnit, 2 * kUnit, 2 * kUnit, kUnit / 2);
  firstColumn->addWidget(title);
  firstColumn->addWidget(scroll, 1);

  m_top = new KeptSplitter(Qt::Horizontal);
  m_top->addWidget(panelOf(makeNeurons(), 380));
  m_top->addWidget(panelOf(first, 200));
  m_right = new KeptSplitter(Qt::Vertical);
  m_right->addWidget(m_top);
  m_right->addWidget(panelOf(makeAnswers(), 0));
  m_columns = new KeptSplitter(Qt::Horizontal);
  m_columns->addWidget(m_left);
  m_columns->addWidget(m_right);
  m_top->setStretchFactor(0, 1);
  m_top->setStretchFactor(1, 0);
  m_right->setStretchFactor(0, 1);
  m_right->setStretchFactor(1, 0);
  m_columns->setStretchFactor(0, 0);
  m_columns->setStretchFactor(1, 1);

  auto* work = new QWidget;
  auto* workColumn = new QVBoxLayout(work);
  workColumn->setContentsMargins(0, 0, 0, 0);
  workColumn->setSpacing(0);
  workColumn->addWidget(makeHeader());
  workColumn->addWidget(m_columns, 1);
  m_states = new QStackedWidget;
  for (QWidget* state : std::initializer_list<QWidget*>{m_chooser, makeLoading(), work}) m_states->addWidget(state);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->addWidget(m_states);
}

}  // namespace sememe
