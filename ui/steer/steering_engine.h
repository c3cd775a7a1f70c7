// LiveSteering for the window: what it tells arrives as a signal on the GUI thread.
#pragma once

#include <QObject>

#include "core/pipeline/live_steering.h"

namespace sememe {

class SteeringEngine : public QObject {
  Q_OBJECT
 public:
  explicit SteeringEngine(QObject* parent = nullptr)
      : QObject(parent), m_live([this](const LiveEvent& event) {
          QMetaObject::invokeMethod(this, [this, event] { Q_EMIT heard(event); }, Qt::QueuedConnection);
        }) {}

  LiveSteering& live() { return m_live; }

 Q_SIGNALS:
  void heard(const sememe::LiveEvent& event);  // in the order they were told

 private:
  LiveSteering m_live;  // ends before the object does
};

}  // namespace sememe
