package store

import (
	"context"
	"time"
)

// DayGrowth is what came on a day.
type DayGrowth struct {
	Day      time.Time // its beginning, UTC
	Messages int
	Bytes    int64
}

// Growth tells how many mails the box holds of each day, by INTERNALDATE, the
// earliest first; days without mail are left out. It reads the whole table of
// mails.
func (b *Box) Growth(ctx context.Context) ([]DayGrowth, error) {
	rows, err := b.index.read.QueryContext(ctx, `
		SELECT (date - ((date % 86400) + 86400) % 86400) AS day, count(*), sum(size) FROM mail WHERE refs>0 GROUP BY day ORDER BY day`)
	if err != nil {
		return nil, indexError(err)
	}
	defer rows.Close()
	var out []DayGrowth
	for rows.Next() {
		var d DayGrowth
		var day int64
		if err := rows.Scan(&day, &d.Messages, &d.Bytes); err != nil {
			return nil, indexError(err)
		}
		d.Day = time.Unix(day, 0).UTC()
		out = append(out, d)
	}
	return out, indexError(rows.Err())
}
