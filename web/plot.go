package web

import (
	"fmt"
	"html/template"
	"strings"
)

// A plot is drawn here, once for all programs and without a script; its colours
// come from the style sheet.
const (
	plotWidth  = 240
	plotHeight = 48
)

// plot draws numbers, the latest at the right: as bars, or as an area where
// each is what there is altogether. label says in words what is to be seen.
func plot(values []int64, area bool, label string) template.HTML {
	most := int64(1)
	for _, v := range values {
		most = max(most, v)
	}
	height := func(v int64) float64 { return float64(v) / float64(most) * (plotHeight - 2) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="plot" viewBox="0 0 %d %d" role="img" preserveAspectRatio="none" aria-label="%s">`, plotWidth, plotHeight, template.HTMLEscapeString(label))
	step := float64(plotWidth) / float64(max(len(values), 1))
	if area {
		fmt.Fprintf(&b, `<path class="area" d="M0 %d`, plotHeight)
		for i, v := range values {
			x := float64(i) / float64(max(len(values)-1, 1)) * plotWidth
			fmt.Fprintf(&b, "L%.1f %.1f", x, plotHeight-height(v))
		}
		fmt.Fprintf(&b, `L%d %dZ"/>`, plotWidth, plotHeight)
	} else {
		for i, v := range values {
			if v > 0 {
				h := max(height(v), 1)
				fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, float64(i)*step, plotHeight-h, step-1, h)
			}
		}
	}
	fmt.Fprintf(&b, `<path class="ground" d="M0 %[2]dH%[1]d"/></svg>`, plotWidth, plotHeight)
	return template.HTML(b.String()) // numbers, and a label that is escaped
}
