package hub

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
)

// versionHeader comes first in each request and in each answer: only the
// same program understands the rest.
const versionHeader = "Heimpost-Version"

// maxParams bounds what a command may send.
const maxParams = 1 << 20

// answer is one line of an answer: any number with progress, then one with
// the result or the error.
type answer struct {
	Progress *Progress       `json:"progress,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
	Error    *Error          `json:"error,omitempty"`
}

// controlHandler serves the control channel of an open hub.
func (h *Hub) controlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /op/{name}", h.serveOp)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(versionHeader, h.o.Version)
		if r.Header.Get(versionHeader) != h.o.Version {
			http.Error(w, "another version", http.StatusConflict)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (h *Hub) serveOp(w http.ResponseWriter, r *http.Request) {
	run, known := ops[r.PathValue("name")]
	if !known {
		http.Error(w, "no such action", http.StatusNotFound)
		return
	}
	params, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxParams))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/jsonl")
	ctx, cancel := context.WithCancel(r.Context()) // ends when the command does
	defer cancel()

	// A command that does not read delays nobody: of progress it gets the
	// newest.
	newest := make(chan Progress, 1)
	tell := func(p Progress) {
		for {
			select {
			case newest <- p:
				return
			default:
			}
			select {
			case <-newest:
			default:
			}
		}
	}
	done := make(chan answer, 1)
	go func() { done <- h.runOp(ctx, run, r.PathValue("name"), params, tell) }()

	out, flush := json.NewEncoder(w), http.NewResponseController(w)
	send := func(a answer) {
		if out.Encode(a) != nil || flush.Flush() != nil {
			cancel() // nobody is there any more
		}
	}
	for {
		select {
		case p := <-newest:
			send(answer{Progress: &p})
		case a := <-done:
			send(a)
			return
		}
	}
}

// runOp runs an action; a panic ends it alone.
func (h *Hub) runOp(ctx context.Context, run func(context.Context, *Hub, json.RawMessage, func(Progress)) (any, error),
	name string, params json.RawMessage, tell func(Progress)) (a answer) {
	defer func() {
		if p := recover(); p != nil {
			h.log.Error("an action failed badly", "action", name, "panic", p, "stack", string(debug.Stack()))
			a = answer{Error: asError(newError("", "heimpost serve failed at this action; its log says more"))}
		}
	}()
	result, err := run(ctx, h, params, tell)
	var text []byte
	if err == nil {
		text, err = json.Marshal(result)
	}
	if err != nil {
		h.log.Log(ctx, slog.LevelInfo, "action failed", "action", name, "error", err)
		return answer{Error: asError(err)}
	}
	h.log.Debug("action done", "action", name)
	return answer{Result: text}
}

// remote is the `serve` that runs on a data folder.
type remote struct {
	client  *http.Client
	version string
}

// errNoServe says that nobody listens on the control channel.
var errNoServe = errors.New("heimpost serve does not run")

func (r *remote) Close() error {
	r.client.CloseIdleConnections()
	return nil
}
