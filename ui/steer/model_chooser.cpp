// The form that chooses the models to steer.
#include "ui/steer/model_chooser.h"

#include <QCompleter>
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QGridLayout>
#include <QLineEdit>
#include <QMenu>
#include <QScrollArea>
#include <QStandardPaths>
#include <QVBoxLayout>

#include "ui/models/path_text.h"

namespace sememe {
namespace {

// Ends the data of a precision whose language model has its layers in 8 bits.
constexpr QLatin1String kEightBits("+8");

QString folderOf(const QString& path) {
  const QFileInfo info(path);
  return path.isEmpty() ? QStandardPaths::writableLocation(QStandardPaths::HomeLocation) : info.isDir() ? path : info.absolutePath();
}

}  // namespace

ModelChooser::ModelChooser(QWidget* parent)
    : QWidget(parent), m_model(new QComboBox), m_sae(new QComboBox), m_layer(new QComboBox), m_precision(new QComboBox),
      m_load(new QPushButton(tr("Load"))), m_demo(new QPushButton(tr("Use the demo model"))), m_back(new QPushButton(tr("Back"))), m_demoHint(new QLabel) {
  auto* card = new QFrame;
  card->setProperty("role", QStringLiteral("card"));
  card->setMaximumWidth(96 * kUnit);
  auto* title = new QLabel(tr("Steer a model while it speaks"));
  title->setProperty("role", QStringLiteral("title"));
  QFont big = title->font();
  big.setPointSizeF(big.pointSizeF() * 1.4);
  title->setFont(big);
  auto* text = new QLabel(
      tr("LLaVA answers a question about an image while you set neurons of a sparse autoencoder inside its vision tower. It takes two things:"
         "<ul style=\"margin-left: 0; -qt-list-indent: 1\">"
         "<li>a LLaVA as a Hugging Face folder, such as <b>llava-hf/llava-1.5-7b-hf</b> "
         "(<i>huggingface-cli download llava-hf/llava-1.5-7b-hf</i>; about 14 GB of disk, as much memory in f16 and twice that in f32);</li>"
         "<li>an SAE trained on its vision tower, CLIP ViT-L/14-336, at layer 22: of dictionary_learning, SAELens or saev, "
         "or your own from the Experiments page.</li></ul>"));
  text->setTextFormat(Qt::RichText);
  text->setWordWrap(true);
  text->setTextInteractionFlags(Qt::TextSelectableByMouse);
  text->setProperty("role", QStringLiteral("muted"));

  for (QComboBox* box : {m_model, m_sae}) {
    box->setEditable(true);
    box->setInsertPolicy(QComboBox::NoInsert);
    box->setCompleter(nullptr);
    box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    box->setMinimumContentsLength(30);
    connect(box, &QComboBox::editTextChanged, this, &ModelChooser::updateButtons);
    connect(box->lineEdit(), &QLineEdit::returnPressed, this, [this] {
      if (m_load->isEnabled()) m_load->click();
    });
  }
  m_model->setAccessibleName(tr("Model folder"));
  m_model->lineEdit()->setPlaceholderText(tr("Folder with config.json, *.safetensors and tokenizer.json"));
  m_sae->setAccessibleName(tr("SAE"));
  m_sae->lineEdit()->setPlaceholderText(tr("ae.pt, sae.pt, or the folder of an SAE"));
  m_layer->addItem(tr("the one LLaVA reads (22 of LLaVA-1.5)"), -1);
  for (int layer = 0; layer < 48; ++layer) m_layer->addItem(QString::number(layer), layer);
  m_layer->setAccessibleName(tr("Layer"));
  m_layer->setToolTip(tr("Of the vision tower, counted from 0: the SAE works on its output"));
  for (const auto& [key, name] : {std::pair("f32", tr("f32: exact, most memory")), {"f16", tr("f16: half the memory, for GPUs")}, {"bf16", tr("bf16: half the memory")},
                                   {"f16+8", tr("f16, the language model's layers in 8 bits: about a quarter, for small GPUs")},
                                   {"f32+8", tr("f32, the language model's layers in 8 bits: for little memory on a CPU")}})
    m_precision->addItem(name, QString::fromLatin1(key));
  m_precision->setAccessibleName(tr("Precision of the weights"));

  auto* browseModel = new QPushButton(tr("Browse…"));
  connect(browseModel, &QPushButton::clicked, this, &ModelChooser::pickModel);
  auto* browseSae = new QPushButton(tr("Browse"));
  browseSae->setProperty("menu", true);
  auto* kinds = new QMenu(browseSae);
  kinds->addAction(tr("&File…"), this, [this] { pickSae(false); });
  kinds->addAction(tr("F&older…"), this, [this] { pickSae(true); });
  browseSae->setMenu(kinds);
  auto* grid = new QGridLayout;
  grid->setHorizontalSpacing(kUnit);
  grid->setVerticalSpacing(kUnit);
  grid->setColumnStretch(1, 1);
  int row = 0;
  const auto add = [&](const QString& name, QWidget* field, QWidget* beside) {
    auto* label = new QLabel(name);
    label->setBuddy(field);
    grid->addWidget(label, row, 0);
    grid->addWidget(field, row, 1, 1, beside ? 1 : 2);
    if (beside) grid->addWidget(beside, row, 2);
    ++row;
  };
  add(tr("&Model folder"), m_model, browseModel);
  add(tr("&SAE"), m_sae, browseSae);
  add(tr("La&yer"), m_layer, nullptr);
  add(tr("&Precision"), m_precision, nullptr);

  m_load->setProperty("primary", true);
  auto* buttons = new QHBoxLayout;
  buttons->setSpacing(kUnit);
  buttons->addWidget(m_load);
  buttons->addWidget(m_demo);
  buttons->addWidget(m_back);
  buttons->addStretch(1);
  m_demoHint->setText(tr("The demo model is a LLaVA of a few MB that knows the demo world of shapes and colours; it answers in milliseconds."));
  m_demoHint->setProperty("role", QStringLiteral("muted"));
  m_demoHint->setWordWrap(true);

  auto* inner = new QVBoxLayout(card);
  inner->setContentsMargins(4 * kUnit, 3 * kUnit, 4 * kUnit, 3 * kUnit);
  inner->setSpacing(kUnit + kUnit / 2);
  inner->addWidget(title);
  inner->addWidget(text);
  inner->addSpacing(kUnit);
  inner->addLayout(grid);
  inner->addSpacing(kUnit);
  inner->addLayout(buttons);
  inner->addWidget(m_demoHint);
  auto* body = new QWidget;
  auto* centre = new QGridLayout(body);
  centre->setContentsMargins(3 * kUnit, 3 * kUnit, 3 * kUnit, 3 * kUnit);
  centre->addWidget(card, 1, 1);
  centre->setColumnStretch(0, 1);
  centre->setColumnStretch(1, 100);
  centre->setColumnStretch(2, 1);
  centre->setRowStretch(0, 2);
  centre->setRowStretch(2, 3);
  auto* scroll = new QScrollArea;
  scroll->setWidget(body);
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setFocusPolicy(Qt::NoFocus);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->addWidget(scroll);

  connect(m_load, &QPushButton::clicked, this, &ModelChooser::loadWanted);
  connect(m_demo, &QPushButton::clicked, this, &ModelChooser::demoWanted);
  connect(m_back, &QPushButton::clicked, this, &ModelChooser::backWanted);
  setDemoAvailable(false);
  setBackAvailable(false);
  updateButtons();
}

void ModelChooser::setDemoAvailable(bool available) {
  m_demo->setVisible(available);
  m_demoHint->setVisible(available);
}

void ModelChooser::setBackAvailable(bool available) { m_back->setVisible(available); }

void ModelChooser::setRecent(const QStringList& models, const QStringList& saes) {
  for (const auto& [box, texts] : {std::pair(m_model, models), std::pair(m_sae, saes)}) {
    const QString now = box->currentText();
    box->clear();
    for (const QString& path : texts) box->addItem(QDir::toNativeSeparators(path));
    box->setEditText(now.isEmpty() && !texts.isEmpty() ? QDir::toNativeSeparators(texts.first()) : now);
  }
}

void ModelChooser::setParams(const SteeringModelParams& params) {
  m_model->setEditText(pathText(params.model));
  m_sae->setEditText(pathText(params.sae));
  m_layer->setCurrentIndex(std::max(0, m_layer->findData(params.layer)));
  m_precision->setCurrentIndex(std::max(0, m_precision->findData(QString(QString::fromStdString(params.precision) % (params.eightBits ? kEightBits : QLatin1String())))));
}

SteeringModelParams ModelChooser::params() const {
  SteeringModelParams params;
  params.model = toPath(m_model->currentText());
  params.sae = toPath(m_sae->currentText());
  params.layer = m_layer->currentData().toInt();
  QString precision = m_precision->currentData().toString();
  params.eightBits = precision.endsWith(kEightBits);
  if (params.eightBits) precision.chop(kEightBits.size());
  params.precision = precision.toStdString();
  return params;
}

void ModelChooser::updateButtons() {
  const SteeringModelParams now = params();
  m_load->setEnabled(!now.model.empty() && !now.sae.empty());
  m_load->setToolTip(m_load->isEnabled() ? QString() : tr("Choose a model folder and an SAE first"));
}

void ModelChooser::pickModel() {
  const QString chosen = QFileDialog::getExistingDirectory(this, tr("Folder of a LLaVA"), folderOf(pathText(params().model)));
  if (!chosen.isEmpty()) m_model->setEditText(QDir::toNativeSeparators(chosen));
}

void ModelChooser::pickSae(bool folder) {
  const QString from = folderOf(pathText(params().sae));
  const QString chosen = folder ? QFileDialog::getExistingDirectory(this, tr("Folder of an SAE"), from)
                                : QFileDialog::getOpenFileName(this, tr("An SAE"), from, tr("SAEs (*.pt *.pth *.safetensors);;All files (*)"));
  if (!chosen.isEmpty()) m_sae->setEditText(QDir::toNativeSeparators(chosen));
}

}  // namespace sememe
