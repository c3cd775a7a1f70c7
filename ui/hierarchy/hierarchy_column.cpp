// One group's column, and how its neurons are painted.
#include "ui/hierarchy/hierarchy_column.h"

#include <QHBoxLayout>
#include <QKeyEvent>
#include <QPainter>
#include <QScrollBar>
#include <QStyledItemDelegate>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "ui/widgets/chart_axis.h"

namespace sememe {
namespace {

constexpr int kThumb = 44;
constexpr int kMinThumbs = 4, kMaxThumbs = 16;
constexpr int kFactsWidth = 92;  // "100 % shared"

// Number and label, MS; below them the strongest images and how the neuron hangs together with the coarser one.
class HierarchyDelegate : public QStyledItemDelegate {
 public:
  HierarchyDelegate(const Theme& theme, const NeuronLoader& loader, QObject* parent)
      : QStyledItemDelegate(parent), m_theme(theme), m_loader(loader) {}

  QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex&) const override {
    return {kMinThumbs * (kThumb + 4) + kFactsWidth, option.fontMetrics.height() + kThumb + 3 * kUnit};
  }

  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override {
    const Colors& c = m_theme.colors();
    const bool selected = option.state & QStyle::State_Selected;
    auto* model = static_cast<const HierarchyModel*>(index.model());
    const int64_t neuron = index.data(HierarchyModel::NeuronRole).toLongLong();
    const Refinements& r = model->source()->data().refinements;
    const NeuronRow* row = model->source()->row(neuron);
    painter->save();
    if (selected) painter->fillRect(option.rect, c.accentSoft);
    else if (option.state & QStyle::State_MouseOver) painter->fillRect(option.rect, c.hover);
    if (selected) painter->fillRect(QRect(option.rect.left(), option.rect.top(), 3, option.rect.height()), c.accent);
    const QRect inner = option.rect.adjusted(kUnit + 4, kUnit, -kUnit, -kUnit);
    const int line = option.fontMetrics.height();
    const QRect head(inner.left(), inner.top(), inner.width(), line);

    const QString ms = row && std::isfinite(row->ms) ? QStringLiteral("MS %1").arg(row->ms, 0, 'f', 3) : QString();
    const int msWidth = option.fontMetrics.horizontalAdvance(ms);
    painter->setPen(c.textMuted);
    painter->drawText(head, Qt::AlignRight | Qt::AlignVCenter, ms);
    painter->setPen(c.text);
    painter->drawText(head, Qt::AlignLeft | Qt::AlignVCenter,
                      option.fontMetrics.elidedText(index.data().toString(), Qt::ElideRight, head.width() - msWidth - kUnit));

    const NeuronViewPtr view = m_loader.view(neuron);
    int left = inner.left();
    const int top = head.bottom() + kUnit / 2 + 1;
    const int thumbs = std::clamp((inner.width() - kFactsWidth) / (kThumb + 4), kMinThumbs, kMaxThumbs);
    for (int i = 0; i < thumbs; ++i, left += kThumb + 4) {
      const QRect cell(left, top, kThumb, kThumb);
      const QPixmap pixels = view && size_t(i) < view->images.size() ? m_loader.thumbnail(view->images[size_t(i)].image) : QPixmap();
      if (!pixels.isNull()) {
        // The middle of the image, so that all are squares.
        const int side = std::min(pixels.width(), pixels.height());
        painter->setRenderHint(QPainter::SmoothPixmapTransform);
        painter->drawPixmap(cell, pixels, QRect((pixels.width() - side) / 2, (pixels.height() - side) / 2, side, side));
      } else if (!view || size_t(i) < view->images.size()) {
        painter->fillRect(cell, c.track);
      }
    }
    const QRect text(left + 4, top, inner.right() - left - 4, kThumb);
    QStringList lines;
    if (r.parents[size_t(neuron)] >= 0) {
      lines << QObject::tr("%1 % shared").arg(qRound(100 * r.shares[size_t(neuron)]));
      lines << QObject::tr("cosine %1").arg(double(r.cosines[size_t(neuron)]), 0, 'f', 2);
    }
    if (r.children[size_t(neuron)] > 0) lines << QObject::tr("%1 finer").arg(grouped(r.children[size_t(neuron)]));
    if (row && row->max <= 0) lines = {QObject::tr("never fires")};
    painter->setPen(c.textMuted);
    QFont small = option.font;
    small.setPointSizeF(small.pointSizeF() * 0.86);
    painter->setFont(small);
    painter->drawText(text, Qt::AlignRight | Qt::AlignVCenter, lines.join(QLatin1Char('\n')));
    painter->restore();
  }

 private:
  const Theme& m_theme;
  const NeuronLoader& m_loader;
};

}  // namespace

HierarchyColumn::HierarchyColumn(const Theme& theme, const NeuronLoader& loader, int group, QWidget* parent)
    : QWidget(parent), m_group(group), m_model(new HierarchyModel(this)) {
  auto* title = new QLabel(group == 0 ? tr("Group 1, the coarsest") : tr("Group %1").arg(group + 1));
  title->setProperty("role", QStringLiteral("title"));
  m_facts = new QLabel;
  m_facts->setProperty("role", QStringLiteral("muted"));
  m_facts->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  m_show = new QComboBox;
  m_show->addItems({tr("Refining the selected neuron"), tr("All of the group"), tr("Refining none")});
  m_show->setAccessibleName(tr("Which neurons of group %1").arg(group + 1));
  m_show->setVisible(group > 0);
  m_list = new QListView;
  m_list->setModel(m_model);
  m_list->setItemDelegate(new HierarchyDelegate(theme, loader, m_list));
  m_list->setUniformItemSizes(true);
  m_list->setMouseTracking(true);
  m_list->setFrameShape(QFrame::NoFrame);
  m_list->setEditTriggers(QAbstractItemView::NoEditTriggers);
  m_list->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
  m_list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  m_list->setAccessibleName(tr("Neurons of group %1").arg(group + 1));
  m_list->installEventFilter(this);
  m_list->viewport()->installEventFilter(this);
  m_hint = new QLabel;
  m_hint->setProperty("role", QStringLiteral("muted"));
  m_hint->setAlignment(Qt::AlignCenter);
  m_hint->setWordWrap(true);
  m_hint->setMargin(3 * kUnit);
  m_stack = new QStackedWidget;
  m_stack->addWidget(m_list);
  m_stack->addWidget(m_hint);

  auto* head = new QVBoxLayout;
  head->setContentsMargins(kUnit + 4, kUnit, kUnit, kUnit);
  head->setSpacing(kUnit / 2);
  head->addWidget(title);
  head->addWidget(m_facts);
  if (group > 0) head->addWidget(m_show);
  else head->addSpacing(m_show->sizeHint().height() + kUnit / 2);
  auto* rule = new QFrame;
  rule->setProperty("role", QStringLiteral("rule"));
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addLayout(head);
  column->addWidget(rule);
  column->addWidget(m_stack, 1);
  setMinimumWidth(kMinThumbs * (kThumb + 4) + kFactsWidth + 20);

  connect(m_show, &QComboBox::currentIndexChanged, this, &HierarchyColumn::fill);
  connect(m_list->selectionModel(), &QItemSelectionModel::currentChanged, this, &HierarchyColumn::selectionChanged);
  connect(m_list, &QListView::doubleClicked, this, [this] { Q_EMIT activated(selected()); });
  connect(m_list->verticalScrollBar(), &QScrollBar::valueChanged, this, &HierarchyColumn::viewChanged);
}

void HierarchyColumn::setSource(std::shared_ptr<HierarchyNeurons> source, int64_t parent) {
  const bool same = source == m_source && m_show->currentIndex() != Refining && m_group > 0;
  m_source = std::move(source);
  m_parent = parent;
  if (!same) fill();  // what does not hang on the selection stays as it is
}

void HierarchyColumn::fill() {
  std::vector<int64_t> neurons;
  const int show = m_group == 0 ? int(All) : m_show->currentIndex();
  if (m_source) {
    if (show == All) neurons = m_source->all(m_group);
    else if (show == Orphans) neurons = m_source->orphans(m_group);
    else if (m_parent >= 0) neurons = m_source->children(m_parent);
  }
  m_hint->setText(show == Orphans  ? tr("Every neuron of this group refines one of the coarser group.")
                  : m_parent < 0   ? tr("Select a neuron on the left to see what refines it.")
                                   : tr("No neuron of this group refines neuron %1.").arg(m_parent));
  m_stack->setCurrentIndex(neurons.empty() ? 1 : 0);
  m_model->setNeurons(m_source, std::move(neurons));
  m_list->scrollToTop();
  describe();
  Q_EMIT selectionChanged();
  Q_EMIT viewChanged();
}

void HierarchyColumn::describe() {
  if (!m_source) return m_facts->clear();
  QStringList facts{tr("%1 neurons").arg(grouped(m_source->data().refinements.groupSizes[size_t(m_group)]))};
  if (const double ms = m_source->meanMs(m_group); std::isfinite(ms)) facts << tr("mean MS %1").arg(ms, 0, 'f', 3);
  const auto& depths = m_source->data().depths.groups;
  if (size_t(m_group) < depths.size() && std::isfinite(depths[size_t(m_group)].depthMean))
    facts << tr("depth %1").arg(depths[size_t(m_group)].depthMean, 0, 'f', 2);
  m_facts->setText(facts.join(QStringLiteral("  ·  ")));
  m_facts->setToolTip(facts.size() < 3 ? QString() : tr("Depth: of the lowest common ancestor of a neuron's strongest images in the tree of classes (%1), mean over the neurons")
                                                         .arg(QString::fromStdString(m_source->data().depths.classes)));
}

void HierarchyColumn::refresh() {
  m_model->refresh();
  describe();
}

int64_t HierarchyColumn::selected() const {
  const QModelIndex index = m_list->currentIndex();
  return index.isValid() ? index.data(HierarchyModel::NeuronRole).toLongLong() : -1;
}

void HierarchyColumn::selectFirst() {
  if (m_model->rowCount() > 0) m_list->setCurrentIndex(m_model->index(0));
}

void HierarchyColumn::selectBranching() {
  const std::vector<int64_t>& neurons = m_model->neurons();
  const auto found = std::find_if(neurons.begin(), neurons.end(), [this](int64_t n) { return m_source->data().refinements.children[size_t(n)] > 0; });
  if (found == neurons.end()) return selectFirst();
  m_list->setCurrentIndex(m_model->index(int(found - neurons.begin())));
}

std::vector<int64_t> HierarchyColumn::visibleNeurons() const {
  std::vector<int64_t> found;
  if (!m_list->isVisible() || m_model->rowCount() == 0) return found;
  const QModelIndex first = m_list->indexAt(QPoint(kUnit, 0));
  const QModelIndex last = m_list->indexAt(QPoint(kUnit, m_list->viewport()->height() - 1));
  const int to = last.isValid() ? last.row() : m_model->rowCount() - 1;
  for (int row = std::max(0, first.row()); row <= to; ++row) found.push_back(m_model->neurons()[size_t(row)]);
  return found;
}

bool HierarchyColumn::eventFilter(QObject* watched, QEvent* event) {
  if (watched == m_list->viewport() && event->type() == QEvent::Resize) Q_EMIT viewChanged();
  if (watched == m_list && event->type() == QEvent::KeyPress) {
    switch (static_cast<QKeyEvent*>(event)->key()) {
      case Qt::Key_Left: Q_EMIT stepAside(-1); return true;
      case Qt::Key_Right: Q_EMIT stepAside(1); return true;
      case Qt::Key_Return:
      case Qt::Key_Enter:
        if (selected() >= 0) Q_EMIT activated(selected());
        return true;
      default: break;
    }
  }
  return QWidget::eventFilter(watched, event);
}

}  // namespace sememe
