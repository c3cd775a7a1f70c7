// The main window's menus and their shortcuts.
#include <QApplication>
#include <QMenuBar>

#include "ui/window/dialogs.h"
#include "ui/window/main_window.h"

namespace sememe {

QAction* MainWindow::add(QMenu* menu, const QString& icon, const QString& text, const QList<QKeySequence>& keys,
                         std::function<void()> run) {
  auto* action = new QAction(text, this);
  if (!icon.isEmpty()) action->setIcon(m_theme.icon(icon));
  action->setShortcuts(keys);
  connect(action, &QAction::triggered, this, [run = std::move(run)] { run(); });
  menu->addAction(action);
  return action;
}

QAction* MainWindow::addOnPage(QMenu* menu, const QString& icon, const QString& text, const QList<QKeySequence>& keys,
                               std::function<void()> run) {
  QAction* action = add(menu, icon, text, keys, std::move(run));
  m_pageActions.append(action);
  return action;
}

void MainWindow::makeFileMenu() {
  QMenu* menu = menuBar()->addMenu(tr("&File"));
  add(menu, QStringLiteral("folder"), tr("&Open workspace…"), {QKeySequence::Open}, [this] { askWorkspace(); });
  m_recent = menu->addMenu(m_theme.icon(QStringLiteral("clock")), tr("Open &recent"));
  m_demo = add(menu, QStringLiteral("shapes"), tr("Create &demo workspace…"), {QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_D)},
               [this] { askDemo(); });
  menu->addSeparator();
  m_workspaceActions << add(menu, QStringLiteral("reset"), tr("Re&load"), {QKeySequence(Qt::Key_F5)},
                            [this] { openWorkspace(m_workspace); });
  m_close = add(menu, QStringLiteral("close"), tr("&Close workspace"), {QKeySequence(Qt::CTRL | Qt::Key_W)}, [this] { closeWorkspace(); });
  m_workspaceActions << m_close;
  menu->addSeparator();
  add(menu, QStringLiteral("quit"), tr("&Quit"), {QKeySequence(Qt::CTRL | Qt::Key_Q)}, [this] { close(); })
      ->setMenuRole(QAction::QuitRole);
}

void MainWindow::makeEditMenu() {
  QMenu* menu = menuBar()->addMenu(tr("&Edit"));
  m_undo = add(menu, QStringLiteral("undo"), tr("&Undo"), {QKeySequence(Qt::CTRL | Qt::Key_Z)}, [this] { m_steer->undo().undo(); });
  m_redo = add(menu, QStringLiteral("redo"), tr("&Redo"), {QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_Z), QKeySequence(Qt::CTRL | Qt::Key_Y)},
               [this] { m_steer->undo().redo(); });
  menu->addSeparator();
  addOnPage(menu, QStringLiteral("copy"), tr("Copy &neuron number"), {QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_C)},
            [this] { m_explore->copyNeuron(); });
  addOnPage(menu, {}, tr("Copy &image path"), {QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key_C)}, [this] { m_explore->copyImagePath(); });
  menu->addSeparator();
  addOnPage(menu, QStringLiteral("tag"), tr("Edit &label"), {QKeySequence(Qt::Key_F2), QKeySequence(Qt::CTRL | Qt::Key_L)},
            [this] { m_explore->editLabel(); });
  menu->addSeparator();
  m_find = add(menu, QStringLiteral("search"), tr("&Find"), {QKeySequence::Find, QKeySequence(Qt::Key_Slash)},
               [this] { m_page == Page::Steer ? m_steer->findNeuron() : m_explore->find(); });
  m_exploreActions << add(menu, QStringLiteral("filter"), tr("&Clear filter"), {QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_F)},
                            [this] { m_explore->list().clearFilter(); });
}

void MainWindow::makeViewMenu() {
  QMenu* menu = menuBar()->addMenu(tr("&View"));
  QMenu* themes = menu->addMenu(m_theme.icon(QStringLiteral("moon")), tr("&Theme"));
  m_themes = new QActionGroup(this);
  const std::pair<ThemeMode, QString> modes[] = {
      {ThemeMode::System, tr("As the &system")}, {ThemeMode::Light, tr("&Light")}, {ThemeMode::Dark, tr("&Dark")}};
  for (const auto& [mode, name] : modes) {
    QAction* action = add(themes, {}, name, {}, [this, mode = mode] {
      m_settings.theme = mode;
      m_theme.setMode(mode);
      saveSettings();
    });
    action->setCheckable(true);
    action->setChecked(mode == m_settings.theme);
    m_themes->addAction(action);
  }

  QMenu* sizes = menu->addMenu(m_theme.icon(QStringLiteral("grid")), tr("&Image size"));
  m_sizes = new QActionGroup(this);
  const std::pair<int, QString> sides[] = {
      {0, tr("&Fit the window")}, {96, tr("&Small")}, {144, tr("&Medium")}, {208, tr("&Large")}, {288, tr("&Very large")}};
  int key = Qt::Key_0;
  for (const auto& [side, name] : sides) {
    QAction* action = add(sizes, {}, name, {QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key(key++))}, [this, side = side] {
      m_settings.thumbnailSide = side;
      m_explore->setThumbnailSide(side);
      saveSettings();
    });
    action->setCheckable(true);
    action->setChecked(side == m_settings.thumbnailSide);
    m_sizes->addAction(action);
  }
  menu->addSeparator();
  add(menu, QStringLiteral("reset"), tr("&Reset layout"), {}, [this] { resetLayout(); });
  QAction* full = add(menu, QStringLiteral("expand"), tr("F&ull screen"), {QKeySequence(Qt::Key_F11)},
                      [this] { isFullScreen() ? showNormal() : showFullScreen(); });
  full->setMenuRole(QAction::NoRole);
}

void MainWindow::makeGoMenu() {
  QMenu* menu = menuBar()->addMenu(tr("&Go"));
  for (const PageInfo& info : pages()) {
    add(menu, QString::fromLatin1(info.icon), info.title, {QKeySequence(Qt::CTRL | Qt::Key(Qt::Key_1 + int(info.page)))},
        [this, page = info.page] { showPage(page); });
  }
  menu->addSeparator();
  addOnPage(menu, QStringLiteral("down"), tr("&Next neuron"), {QKeySequence(Qt::Key_J), QKeySequence(Qt::ALT | Qt::Key_Down)},
            [this] { m_explore->step(1); });
  addOnPage(menu, QStringLiteral("up"), tr("P&revious neuron"), {QKeySequence(Qt::Key_K), QKeySequence(Qt::ALT | Qt::Key_Up)},
            [this] { m_explore->step(-1); });
  addOnPage(menu, QStringLiteral("first"), tr("&First neuron"), {QKeySequence(Qt::CTRL | Qt::Key_Home)},
            [this] { m_explore->goToFirst(); });
  addOnPage(menu, QStringLiteral("last"), tr("&Last neuron"), {QKeySequence(Qt::CTRL | Qt::Key_End)}, [this] { m_explore->goToLast(); });
  menu->addSeparator();
  addOnPage(menu, QStringLiteral("right"), tr("Next i&mage"), {QKeySequence(Qt::ALT | Qt::Key_Right)},
            [this] { m_explore->stepImage(1); });
  addOnPage(menu, QStringLiteral("left"), tr("Previo&us image"), {QKeySequence(Qt::ALT | Qt::Key_Left)},
            [this] { m_explore->stepImage(-1); });
  addOnPage(menu, QStringLiteral("expand"), tr("&Enlarge image"), {QKeySequence(Qt::CTRL | Qt::Key_Return)},
            [this] { m_explore->enlarge(); });
}

void MainWindow::makeSteeringMenu() {
  QMenu* menu = menuBar()->addMenu(tr("&Steering"));
  m_steerNeuron = add(menu, QStringLiteral("sliders"), tr("Steer this &neuron"), {QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_N)}, [this] { m_explore->steerNeuron(); });
  addOnPage(menu, QStringLiteral("image"), tr("Steer with this &image"), {QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_I)}, [this] { m_explore->steerImage(); });
  menu->addSeparator();
  const auto onSteer = [this, menu](const QString& icon, const QString& text, const QList<QKeySequence>& keys, std::function<void()> run) {
    m_steerActions << add(menu, icon, text, keys, std::move(run));
  };
  onSteer(QStringLiteral("folder"), tr("&Open image…"), {QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_O)}, [this] { m_steer->panel().chooseFile(); });
  onSteer({}, tr("&Paste image"), {QKeySequence(Qt::CTRL | Qt::Key_V)}, [this] { m_steer->panel().paste(); });
  onSteer(QStringLiteral("search"), tr("&Add a neuron"), {QKeySequence(Qt::CTRL | Qt::Key_N)}, [this] { m_steer->findNeuron(); });
  m_exploreSteered = add(menu, QStringLiteral("grid"), tr("E&xplore the neuron"), {QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_E)}, [this] { m_steer->exploreCurrent(); });
  m_removeNeuron = add(menu, QStringLiteral("trash"), tr("&Remove the neuron"), {QKeySequence(Qt::CTRL | Qt::Key_Backspace)}, [this] { m_steer->removeCurrent(); });
  menu->addSeparator();
  onSteer(QStringLiteral("play"), tr("As&k again"), {QKeySequence(Qt::CTRL | Qt::Key_R)}, [this] { m_steer->ask(); });
  m_stopAnswer = add(menu, QStringLiteral("pause"), tr("S&top answering"), {QKeySequence(Qt::Key_Escape)}, [this] { m_steer->stop(); });
  menu->addSeparator();
  onSteer(QStringLiteral("tag"), tr("&Save as a preset…"), {QKeySequence(Qt::CTRL | Qt::Key_S)}, [this] { m_steer->presets().saveAs(); });
  onSteer({}, tr("I&mport a preset…"), {}, [this] { m_steer->presets().importFile(); });
  onSteer({}, tr("&Export as a preset…"), {}, [this] { m_steer->presets().exportFile(); });
  onSteer(QStringLiteral("copy"), tr("Copy as &command"), {QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_K)}, [this] { m_steer->copyCommand(); });
  menu->addSeparator();
  onSteer(QStringLiteral("database"), tr("C&hoose model and SAE…"), {}, [this] { m_steer->chooseModels(); });
}

void MainWindow::makeTrainingMenu() {
  QMenu* menu = menuBar()->addMenu(tr("&Training"));
  m_startTraining = add(menu, QStringLiteral("chart"), tr("&Start training"), {QKeySequence(Qt::CTRL | Qt::Key_T)},
                        [this] { m_experiments->form().start(); });
  menu->addSeparator();
  m_pauseTraining = add(menu, QStringLiteral("pause"), tr("&Pause or resume"), {QKeySequence(Qt::CTRL | Qt::Key_P)},
                        [this] { m_experiments->pauseOrResume(); });
  m_exploreTraining = add(menu, QStringLiteral("grid"), tr("&Explore its neurons"), {QKeySequence(Qt::CTRL | Qt::Key_E)},
                          [this] { m_experiments->explore(); });
  m_removeTraining = add(menu, QStringLiteral("trash"), tr("&Cancel or delete…"), {QKeySequence(Qt::CTRL | Qt::Key_Delete)},
                         [this] { m_experiments->removeSelected(); });
}

void MainWindow::makeHelpMenu() {
  QMenu* menu = menuBar()->addMenu(tr("&Help"));
  add(menu, QStringLiteral("keyboard"), tr("&Keyboard shortcuts"), {QKeySequence(Qt::Key_F1)}, [this] { listShortcuts(); });
  menu->addSeparator();
  add(menu, QStringLiteral("info"), tr("&About Sememe"), {}, [this] { showAbout(this, m_services.version); })
      ->setMenuRole(QAction::AboutRole);
}

// From the actions themselves, so that the list is never behind the menus.
void MainWindow::listShortcuts() {
  QList<QPair<QString, QString>> rows;
  const std::function<void(const QMenu*)> collect = [&](const QMenu* menu) {
    for (const QAction* action : menu->actions()) {
      if (action->menu()) {
        collect(action->menu());
        continue;
      }
      QStringList keys;
      for (const QKeySequence& key : action->shortcuts()) keys << key.toString(QKeySequence::NativeText);
      if (keys.isEmpty()) continue;
      rows.append({keys.join(QStringLiteral(" or ")), action->text().remove(QLatin1Char('&'))});
    }
  };
  for (const QAction* top : menuBar()->actions()) {
    if (!top->menu()) continue;
    const auto before = rows.size();
    rows.append({QString(), top->text().remove(QLatin1Char('&'))});
    collect(top->menu());
    if (rows.size() == before + 1) rows.removeLast();
  }
  rows.append({QString(), tr("Images")});
  rows.append({tr("Arrow keys, Home, End"), tr("Walk the images")});
  rows.append({tr("Enter or Space"), tr("Enlarge")});
  rows.append({tr("Esc"), tr("Back to the grid")});
  rows.append({QString(), tr("Hierarchy")});
  rows.append({tr("Left and Right"), tr("Walk the groups")});
  rows.append({tr("Enter"), tr("Explore the neuron")});
  rows.append({QString(), tr("Steer")});
  rows.append({tr("Left, Right, Page Up, Page Down"), tr("Move the slider")});
  rows.append({tr("Enter, in the list"), tr("Steer the neuron")});
  rows.append({tr("Delete"), tr("Remove the neuron")});
  rows.append({tr("Arrow keys, Space, Enter, on the image"), tr("Walk, paint and look at patches")});
  rows.append({QString(), tr("Charts and trainings")});
  rows.append({tr("Left and Right"), tr("Move the cross-hair")});
  rows.append({tr("Enter"), tr("One chart, large")});
  rows.append({tr("Space"), tr("Show or hide the selected curves")});
  showShortcuts(this, rows);
}

}  // namespace sememe
