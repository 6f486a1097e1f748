package web

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"heimpost/peertest"
)

// chromium starts a real browser that speaks a language.
func chromium(t *testing.T, lang string) context.Context {
	t.Helper()
	program := peertest.Need(t, "chromium")
	o := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("lang", lang), chromedp.Flag("accept-lang", lang),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-quic", true), chromedp.Flag("no-first-run", true))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), o...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // starts it; a limit on this first call would end it
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// step is something that is done in the browser.
type step = chromedp.Action[chromedp.Void]

// pictures takes a page's picture at phone's and desktop's width in both
// colour schemes, where HEIMPOST_PICTURES names a folder for them; and sees
// everywhere that nothing is cut off at 320 pixels.
func pictures(t *testing.T, name string) step {
	return func(ctx context.Context, target *chromedp.Target) (none chromedp.Void, err error) {
		dir := os.Getenv("HEIMPOST_PICTURES")
		for _, v := range []struct {
			name          string
			width, height int64
			scheme        string
		}{{"phone", 320, 640, "light"}, {"phone-dark", 320, 640, "dark"}, {"desktop", 1280, 800, "light"}, {"desktop-dark", 1280, 800, "dark"}} {
			if _, err := chromedp.EmulateViewport(v.width, v.height)(ctx, target); err != nil {
				return none, err
			}
			if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: v.scheme}}}); err != nil {
				return none, err
			}
			wide, err := chromedp.Evaluate[int64](`document.documentElement.scrollWidth`)(ctx, target)
			if err != nil {
				return none, err
			}
			if wide > v.width {
				t.Errorf("%s is %d pixels wide on a screen of %d", name, wide, v.width)
			}
			if dir == "" {
				continue
			}
			png, err := chromedp.FullScreenshot(100)(ctx, target)
			if err != nil {
				return none, err
			}
			if err := os.WriteFile(filepath.Join(dir, name+"-"+v.name+".png"), png, 0o644); err != nil {
				return none, err
			}
		}
		return none, nil
	}
}

// TestWizardInChromium: the questions, the first drain, a new device, by
// clicking; in German and in English.
func TestWizardInChromium(t *testing.T) {
	for _, lang := range languages {
		t.Run(lang, func(t *testing.T) {
			w := newWorld(t)
			host, port := w.provider(mail(1), mail(2))
			ctx := chromium(t, lang)
			run := func(question string, steps ...step) {
				t.Helper()
				if err := chromedp.Do(ctx, steps...); err != nil {
					html, _ := chromedp.Run(ctx, chromedp.OuterHTML("main"))
					t.Fatalf("%s: %v\n%s", question, err, html)
				}
			}
			shot := func(name string) step { return pictures(t, name+"."+lang) }
			next := chromedp.Click("main form.stack button:not(.plain)")
			run("setup", chromedp.Navigate(w.setup), chromedp.WaitVisible("#title"), shot("1-welcome"),
				chromedp.SendKeys("#title", "Marko"), chromedp.SendKeys("#password", "geheim-genug"), chromedp.SendKeys("#again", "geheim-genug"), next)
			run("address", chromedp.WaitVisible("#address"), shot("2-address"),
				chromedp.SendKeys("#address", "info@example.org"), chromedp.SendKeys("#password", "pop-secret"), next)
			run("server", chromedp.WaitVisible("#host"), shot("2-server"),
				chromedp.SendKeys("#host", host), chromedp.SetValue("#port", port), chromedp.SetValue("#tls", "none"),
				chromedp.SendKeys("#password", "pop-secret"), next)
			run("keep", chromedp.WaitVisible("input[name=keep]"), shot("3-keep"), next)
			run("share", chromedp.WaitVisible("input[name=shared]"), chromedp.Click("input[name=shared][value=yes]"),
				chromedp.WaitVisible("#box"), shot("4-share"), chromedp.SendKeys("#box", "Büro"), next)
			run("done", chromedp.WaitVisible(`a[href="/devices/new"].button`))
			all := w.site.texts.get(lang, "done.all", "info@example.org")
			if _, err := chromedp.Run(ctx, chromedp.Poll[bool](fmt.Sprintf(`document.querySelector(".live").textContent.includes(%q)`, all),
				chromedp.WithPollingInterval(200*time.Millisecond))); err != nil {
				t.Fatal(err)
			}
			run("drained", shot("5-done"), chromedp.Click(`a[href="/devices/new"].button`))
			run("device", chromedp.WaitVisible("input[name=kind]"), shot("6-device"),
				chromedp.Click("input[name=kind][value=iphone]"), chromedp.SendKeys("#name", "Telefon"), next)
			run("ready", chromedp.WaitVisible("#password"), shot("7-ready"))
			if password, err := chromedp.Run(ctx, chromedp.Text("#password")); err != nil || len(password) != 19 {
				t.Errorf("the device's password is %q (%v)", password, err)
			}
			run("status", chromedp.Navigate("http://"+w.r.Web+"/"), chromedp.WaitVisible("#devices"), shot("8-status"))
			run("trust", chromedp.Navigate("http://"+w.r.Web+"/trust"), chromedp.WaitVisible(".words"), shot("9-trust"))
		})
	}
}
