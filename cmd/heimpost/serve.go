package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"heimpost/hub"
	"heimpost/web"
)

func serveCommand() *command {
	c := newCommand("serve", "", 0, 0, "run the hub")
	c.long = "Serves mail clients, fetches accounts by their schedule, and does what other commands ask for.\n" +
		"At the first start heimpost.toml is written into the data folder, with comments.\n" +
		"SIGTERM or Ctrl-C ends it cleanly."
	c.run = func(e *env, _ []string) error {
		dir, err := e.dir()
		if err != nil {
			return err
		}
		config, err := hub.LoadConfig(dir, true)
		if err != nil {
			return err
		}
		log := logger(e.err, config)
		started := time.Now()
		var site *web.Site
		return hub.Serve(e.ctx, dir, config, hub.ServeOptions{
			Version: version(), Log: log, Wait: waitFor, OnWait: e.waiting,
			Web: func(r *hub.Running) (_ http.Handler, err error) {
				site, err = web.New(r, web.Options{Log: log})
				return site, err
			},
			Ready: func(r *hub.Running) {
				log.Debug("started", "after", time.Since(started))
				fmt.Fprintln(e.err, r.ReadyLine())
				url, err := site.SetupURL(e.ctx)
				if err != nil && e.ctx.Err() == nil {
					log.Error("whether somebody is set up", "error", err)
				}
				if url != "" {
					fmt.Fprintln(e.err, "heimpost: set-up at "+url)
					openBrowser(url)
				}
			},
		})
	}
	return c
}

// logger writes as the configuration says.
func logger(w io.Writer, c hub.Config) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.Log.Level}
	if c.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
