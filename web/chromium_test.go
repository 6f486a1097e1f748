package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"heimpost/peertest"
)

// chrome is a real browser in which somebody works.
type chrome struct {
	*testing.T
	ctx  context.Context
	w    *world
	lang string
	keys bool // by the keyboard alone
	axe  string
	seen map[string]bool // pages that were looked at
}

// chromium starts a browser that speaks a language and finds hosts by rules of
// its own. It passes over our authority: that is openssl's and ImapFlow's part.
func chromium(w *world, lang, hosts string) *chrome {
	w.Helper()
	program := peertest.Need(w, "chromium")
	_, modules := peertest.NeedNode(w, "axe-core")
	axe, err := os.ReadFile(filepath.Join(modules, "axe-core", "axe.min.js"))
	if err != nil {
		w.Fatal(err)
	}
	o := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(w.TempDir()), chromedp.Flag("lang", lang), chromedp.Flag("accept-lang", lang),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-quic", true), chromedp.Flag("no-first-run", true),
		chromedp.Flag("host-resolver-rules", hosts), chromedp.Flag("ignore-certificate-errors", true))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), o...)
	w.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	w.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // starts it; a limit on this first call would end it
		w.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(ctx, 9*time.Minute)
	w.Cleanup(cancel)
	return &chrome{T: w.T, ctx: ctx, w: w, lang: lang, axe: string(axe), seen: map[string]bool{}}
}

// step is something that is done in the browser.
type step = chromedp.Action[chromedp.Void]

// do takes steps.
func (c *chrome) do(what string, steps ...step) {
	c.Helper()
	if err := chromedp.Do(c.ctx, steps...); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), 5*time.Second)
		defer cancel()
		html, _ := chromedp.Run(ctx, chromedp.OuterHTML(chromedp.CSS("main")))
		c.Fatalf("%s: %v\n%s", what, err, html)
	}
}

// eval gives the value of an expression, of the next page if the browser is
// just leaving one.
func eval[V any](c *chrome, expression string) V {
	c.Helper()
	v, err := chromedp.Run(c.ctx, chromedp.Evaluate[V](expression, chromedp.EvalAwaitPromise))
	for range 5 {
		if err == nil || !strings.Contains(err.Error(), "navigated") {
			break
		}
		c.await("main")
		v, err = chromedp.Run(c.ctx, chromedp.Evaluate[V](expression, chromedp.EvalAwaitPromise))
	}
	if err != nil {
		c.Fatalf("%.80s: %v", expression, err)
	}
	return v
}

// open goes to a page of the hub.
func (c *chrome) open(path string) {
	c.Helper()
	if !strings.HasPrefix(path, "http") {
		base, _, _ := strings.Cut(c.w.setup, "/setup")
		path = base + path
	}
	c.do(path, chromedp.Navigate(path), chromedp.WaitVisible(chromedp.CSS("main")))
}

// await waits until the page shows something.
func (c *chrome) await(selector string) {
	c.Helper()
	c.do("waiting for "+selector, chromedp.WaitVisible(chromedp.CSS(selector)))
}

// awaitText waits until the page says a text of ours.
func (c *chrome) awaitText(key string, args ...any) {
	c.Helper()
	text := c.w.site.texts.get(c.lang, key, args...)
	said := chromedp.Evaluate[bool](fmt.Sprintf(`document.querySelector("main").textContent.includes(%q)`, text))
	deadline := time.Now().Add(time.Minute)
	for {
		ok, err := chromedp.Run(c.ctx, said) // err: the page is just being left
		if ok {
			return
		}
		if time.Now().After(deadline) {
			html, _ := chromedp.Run(c.ctx, chromedp.OuterHTML(chromedp.CSS("main")))
			c.Fatalf("the page never says %q (%v)\n%s", text, err, html)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// to moves the focus to an element by the Tab key; what no key reaches, or
// what does not show that it has the focus, is a fault.
func (c *chrome) to(selector string) {
	c.Helper()
	for pressed := range 80 {
		if eval[bool](c, fmt.Sprintf(`!!document.activeElement && document.activeElement.matches(%q)`, selector)) {
			if pressed > 0 && !eval[bool](c, `document.activeElement.matches(":focus-visible") && getComputedStyle(document.activeElement).outlineStyle !== "none"`) {
				c.Errorf("%s does not show that it has the focus", selector)
			}
			return
		}
		c.do("Tab", chromedp.KeyEvent(kb.Tab))
	}
	c.Fatalf("no key leads to %s", selector)
}

// fill writes into a field.
func (c *chrome) fill(selector, text string) {
	c.Helper()
	if !c.keys {
		c.do(selector, chromedp.SetValue(chromedp.CSS(selector), text))
		return
	}
	c.to(selector)
	if eval[bool](c, `document.activeElement.select && (document.activeElement.select(), true)`) {
		c.do(selector, chromedp.KeyEvent(text))
	}
}

// choose takes one of several answers, or an entry of a list by its value.
func (c *chrome) choose(selector string) {
	c.Helper()
	if !c.keys {
		c.do(selector, chromedp.Click(chromedp.CSS(selector)))
		return
	}
	group, _, _ := strings.Cut(selector, "][")
	c.to(strings.TrimSuffix(group, "]") + "]")
	for range 20 {
		if eval[bool](c, fmt.Sprintf(`document.activeElement.matches(%q)`, selector)) {
			return
		}
		c.do("arrow", chromedp.KeyEvent(kb.ArrowDown))
	}
	c.Fatalf("no key leads to %s", selector)
}

// pick takes an entry of a list by its value.
func (c *chrome) pick(selector, value string) {
	c.Helper()
	if !c.keys {
		c.do(selector, chromedp.SetValue(chromedp.CSS(selector), value))
		return
	}
	c.to(selector)
	for range 20 {
		if eval[string](c, `document.activeElement.value`) == value {
			return
		}
		c.do("arrow", chromedp.KeyEvent(kb.ArrowDown))
	}
	c.Fatalf("no key leads to %s in %s", value, selector)
}

// press presses a button or follows a link.
func (c *chrome) press(selector string) {
	c.Helper()
	if !c.keys {
		c.do(selector, chromedp.Click(chromedp.CSS(selector)))
		return
	}
	c.to(selector)
	c.do(selector, chromedp.KeyEvent(kb.Enter))
}

// question presses a button behind which it is asked whether one is sure.
func (c *chrome) question(button string) {
	c.Helper()
	c.press(button)
	c.do("the question", chromedp.WaitReady(chromedp.CSS("input[name=sure]")))
}

const next = "main form.stack button:not(.plain):not([hidden])"

// maxPage is what a page may weigh with all that it loads.
const maxPage = 100_000

// look looks at the page as it is now: at the width of a phone and of a screen,
// light and dark, nothing is cut off, axe-core finds nothing serious, and it
// weighs little. Where HEIMPOST_PICTURES names a folder its pictures go there.
//
// axe-core judges each page four times in two languages, so that width, colours
// and language each come in both kinds; a soak takes all eight.
func (c *chrome) look(name string) {
	c.Helper()
	all := os.Getenv("HEIMPOST_SOAK") != ""
	page := eval[string](c, `document.querySelector("main").dataset.page`)
	c.seen[page] = true
	weight := eval[int64](c, `performance.getEntries().filter(e => e.encodedBodySize && e.initiatorType !== "fetch").reduce((sum, e) => sum + e.encodedBodySize, 0)`)
	if weight < 2000 || weight > maxPage {
		c.Errorf("%s weighs %d octets", name, weight)
	}
	eval[bool](c, `window.axe ? true : (() => {`+c.axe+`; return true})()`)
	if dir := os.Getenv("HEIMPOST_PICTURES"); dir != "" { // what docs/ show
		c.do("paper", chromedp.EmulateViewport(760, 480), media("light"))
		c.picture(filepath.Join(dir, name+"."+c.lang+"-paper.png"))
	}
	for _, v := range []struct {
		name          string
		width, height int64
		scheme        string
	}{{"phone", 320, 640, "light"}, {"phone-dark", 320, 640, "dark"}, {"desktop-dark", 1280, 800, "dark"}, {"desktop", 1280, 800, "light"}} {
		c.do(v.name, chromedp.EmulateViewport(v.width, v.height), media(v.scheme))
		if wide := eval[int64](c, `document.documentElement.scrollWidth`); wide > v.width {
			c.Errorf("%s is %d pixels wide on a screen of %d: %s", name, wide, v.width, eval[string](c,
				`[...document.querySelectorAll("main *, header *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 3).map(e => e.outerHTML.slice(0, 120)).join(" | ")`))
		}
		if (v.scheme == "dark") == (v.width == 320) == (c.lang == "de") || all {
			c.accessible(name + " " + v.name)
		}
		if dir := os.Getenv("HEIMPOST_PICTURES"); dir != "" {
			c.picture(filepath.Join(dir, name+"."+c.lang+"-"+v.name+".png"))
		}
	}
}

// picture takes one of the whole page.
func (c *chrome) picture(file string) {
	c.Helper()
	shot, err := chromedp.Run(c.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		c.Fatal(err)
	}
	small, err := fewColours(shot)
	if err != nil {
		c.Fatal(err)
	}
	if err := os.WriteFile(file, small, 0o644); err != nil {
		c.Fatal(err)
	}
}

// fewColours makes a picture small: its 256 most frequent colours stand for all.
func fewColours(shot []byte) ([]byte, error) {
	picture, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		return nil, err
	}
	count := map[color.RGBA]int{}
	bounds := picture.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			count[color.RGBAModel.Convert(picture.At(x, y)).(color.RGBA)]++
		}
	}
	all := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int { return count[b] - count[a] })
	var palette color.Palette
	for _, c := range all[:min(len(all), 256)] {
		palette = append(palette, c)
	}
	out := image.NewPaletted(bounds, palette)
	nearest := map[color.RGBA]uint8{}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			c := color.RGBAModel.Convert(picture.At(x, y)).(color.RGBA)
			i, known := nearest[c]
			if !known {
				i = uint8(palette.Index(c))
				nearest[c] = i
			}
			out.SetColorIndex(x, y, i)
		}
	}
	var b bytes.Buffer
	err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, out)
	return b.Bytes(), err
}

// readCode reads a QR code off the screen.
func (c *chrome) readCode(selector string) string {
	c.Helper()
	shot, err := chromedp.Run(c.ctx, chromedp.Screenshot(chromedp.CSS(selector)))
	if err != nil {
		c.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		c.Fatal(err)
	}
	bmp, err := gozxing.NewBinaryBitmapFromImage(picture)
	if err != nil {
		c.Fatal(err)
	}
	code, err := qrcode.NewQRCodeReader().Decode(bmp, nil)
	if err != nil {
		c.Fatal(err)
	}
	return code.GetText()
}

func media(scheme string) step {
	return func(ctx context.Context, _ *chromedp.Target) (none chromedp.Void, err error) {
		_, err = chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return none, err
	}
}

// accessible has axe-core judge the page.
func (c *chrome) accessible(name string) {
	c.Helper()
	var found struct {
		Passes     int
		Violations []struct {
			ID, Impact, Help string
			Nodes            []string
		}
	}
	text := eval[string](c, `axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify({
		Passes: r.passes.length, Violations: r.violations.map(v => ({ID: v.id, Impact: v.impact, Help: v.help,
			Nodes: v.nodes.slice(0, 3).map(n => n.html.slice(0, 200) + " " + n.failureSummary)}))}))`)
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		c.Fatal(err)
	}
	if found.Passes < 10 {
		c.Errorf("%s: only %d rules were tried", name, found.Passes)
	}
	for _, f := range found.Violations {
		if f.Impact == "serious" || f.Impact == "critical" {
			c.Errorf("%s: %s (%s): %s\n%s", name, f.ID, f.Impact, f.Help, strings.Join(f.Nodes, "\n"))
		} else {
			c.Logf("%s: %s (%s): %s\n%s", name, f.ID, f.Impact, f.Help, strings.Join(f.Nodes, "\n"))
		}
	}
}

// lookedAtAll checks that no page was left out.
func (c *chrome) lookedAtAll() {
	c.Helper()
	files, err := fs.Glob(pageFiles, "pages/*.html")
	if err != nil {
		c.Fatal(err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(path.Base(f), ".html")
		if name != "layout" && !strings.HasPrefix(name, "part_") && !c.seen[name] {
			c.Errorf("nobody looked at the page %s", name)
		}
	}
}
