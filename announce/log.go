package announce

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// logs hands what the library says to our log, all of it as detail: a packet
// of a stranger that it cannot read is nobody's trouble.
type logs struct{ to *slog.Logger }

func (l logs) NewLogger(string) logging.LeveledLogger { return l }

func (l logs) say(format string, args ...any) {
	if l.to.Enabled(context.Background(), slog.LevelDebug) {
		l.to.Debug("mDNS: " + fmt.Sprintf(format, args...))
	}
}

// Trace and Debug come with every packet.
func (logs) Trace(string)          {}
func (logs) Tracef(string, ...any) {}
func (logs) Debug(string)          {}
func (logs) Debugf(string, ...any) {}

func (l logs) Info(s string)                     { l.say("%s", s) }
func (l logs) Infof(format string, args ...any)  { l.say(format, args...) }
func (l logs) Warn(s string)                     { l.say("%s", s) }
func (l logs) Warnf(format string, args ...any)  { l.say(format, args...) }
func (l logs) Error(s string)                    { l.say("%s", s) }
func (l logs) Errorf(format string, args ...any) { l.say(format, args...) }
