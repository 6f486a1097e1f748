package hub

import (
	"testing"
	"time"

	"heimpost/store"
)

func TestGrowth(t *testing.T) {
	day := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	now := day("2026-05-31").Add(13 * time.Hour)
	g := growth([]store.DayGrowth{
		{Day: day("1969-12-31"), Messages: 1, Bytes: 10}, {Day: day("2024-07-01"), Messages: 2, Bytes: 20},
		{Day: day("2026-05-01"), Messages: 4, Bytes: 40}, {Day: day("2026-05-02"), Messages: 8, Bytes: 80},
		{Day: day("2026-05-31"), Messages: 16, Bytes: 160}, {Day: day("2031-01-01"), Messages: 32, Bytes: 320}}, now)
	if len(g.Days) != growthDays || g.Days[0].Date != day("2026-05-02") || g.Days[0].Messages != 8 || g.Days[29].Date != day("2026-05-31") || g.Days[29].Messages != 48 {
		t.Errorf("%+v", g.Days)
	}
	if len(g.Months) != growthMonths || g.Months[0].Date != day("2024-06-01") || g.Months[0].Bytes != 10 || g.Months[1].Bytes != 30 || g.Months[22].Bytes != 30 || g.Months[23].Bytes != 630 {
		t.Errorf("%+v", g.Months)
	}
	h := newHub(t)
	household(t, h)
	if g := must(t, h, BoxGrowth, NameParams{"marko"}); len(g.Days) != growthDays || g.Months[growthMonths-1].Messages != 0 {
		t.Errorf("%+v", g)
	}
	fails(t, h, BoxGrowth, NameParams{"nobody"}, KindNotFound, "no box")
}
