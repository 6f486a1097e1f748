package store

import (
	"context"
	"database/sql"
	"fmt"
)

// migrate brings a database's schema to the newest version, each step in a
// transaction of its own.
func migrate(ctx context.Context, c *sql.Conn, schema []string) error {
	var have int
	if err := c.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return err
	}
	if have > len(schema) {
		return fmt.Errorf("%w (its version is %d, this program knows %d)", ErrNewerVersion, have, len(schema))
	}
	for v := have; v < len(schema); v++ {
		tx, err := c.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, schema[v])
		if err == nil {
			_, err = tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version=%d", v+1))
		}
		if err != nil {
			tx.Rollback()
			return fmt.Errorf("migrating to version %d: %w", v+1, err)
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("migrating to version %d: %w", v+1, err)
		}
	}
	return nil
}
