// The small dialogs: where the demo goes, which keys there are, what this program is.
#pragma once

#include <QList>
#include <QPair>
#include <QString>

class QWidget;

namespace sememe {

// Asks for the folder of the demo workspace; empty when one thought better of it.
QString askDemoFolder(QWidget* parent, const QString& suggestion);

// Rows of keys and what they do; a row without keys is a heading.
void showShortcuts(QWidget* parent, const QList<QPair<QString, QString>>& rows);

void showAbout(QWidget* parent, const QString& version);

}  // namespace sememe
