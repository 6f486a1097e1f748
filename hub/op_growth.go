package hub

import (
	"context"
	"sync"
	"time"

	"heimpost/store"
)

// Growth is how a box has grown.
type Growth struct {
	// Days are the last 30 days, the latest last, with what came on them.
	Days []Grown `json:"days"`
	// Months are the last 24 months with what the box holds up to their ends.
	Months []Grown `json:"months"`
}

// Grown is a number of mails and their size.
type Grown struct {
	Date     time.Time `json:"date"` // of its beginning, UTC
	Messages int       `json:"messages"`
	Bytes    int64     `json:"bytes"`
}

const (
	growthDays   = 30
	growthMonths = 24
	// growthFresh is how long what was counted is told again: it takes a
	// while in a big box.
	growthFresh = 5 * time.Minute
)

// BoxGrowth tells how a box has grown, by the dates of its mails.
var BoxGrowth = newOp("box.growth", (*Hub).boxGrowth)

// growths remembers what was counted.
type growths struct {
	mu  sync.Mutex
	all map[store.ID]countedGrowth
}

type countedGrowth struct {
	at time.Time
	Growth
}

func (h *Hub) boxGrowth(ctx context.Context, p NameParams) (out Growth, err error) {
	b, err := h.box(ctx, h.db, p.Name)
	if err != nil {
		return out, err
	}
	h.growths.mu.Lock() // one counts, the others wait for it
	defer h.growths.mu.Unlock()
	now := h.now()
	if last, is := h.growths.all[b.ID]; is && now.Sub(last.at) < growthFresh && !now.Before(last.at) {
		return last.Growth, nil
	}
	err = h.withBox(ctx, b.ID, func(box *store.Box) error {
		days, err := box.Growth(ctx)
		out = growth(days, now)
		return err
	})
	if err != nil {
		return out, err
	}
	if h.growths.all == nil || len(h.growths.all) >= 1000 {
		h.growths.all = map[store.ID]countedGrowth{}
	}
	h.growths.all[b.ID] = countedGrowth{now, out}
	return out, nil
}

// growth sums days up; what is dated in the future belongs to the last one.
func growth(days []store.DayGrowth, now time.Time) (out Growth) {
	now = now.UTC()
	today := now.Truncate(24 * time.Hour)
	for i := growthDays - 1; i >= 0; i-- {
		out.Days = append(out.Days, Grown{Date: today.AddDate(0, 0, -i)})
	}
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	for i := growthMonths - 1; i >= 0; i-- {
		out.Months = append(out.Months, Grown{Date: month.AddDate(0, -i, 0)})
	}
	for _, d := range days {
		day := d.Day
		if day.After(today) {
			day = today
		}
		if i := int(day.Sub(out.Days[0].Date) / (24 * time.Hour)); !day.Before(out.Days[0].Date) && i < growthDays {
			out.Days[i].Messages += d.Messages
			out.Days[i].Bytes += d.Bytes
		}
		for i := range out.Months {
			if day.Before(out.Months[i].Date.AddDate(0, 1, 0)) {
				out.Months[i].Messages += d.Messages
				out.Months[i].Bytes += d.Bytes
			}
		}
	}
	return out
}
