package store

import (
	"context"
	"database/sql"
	"fmt"
)

// migrate brings a database's schema to the newest version, in one
// transaction: whatever ends it leaves the database as it was.
func migrate(ctx context.Context, c *sql.Conn, schema []string) error {
	var have int
	if err := c.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return err
	}
	if have > len(schema) {
		return fmt.Errorf("%w (its version is %d, this program knows %d)", ErrNewerVersion, have, len(schema))
	}
	if have == len(schema) {
		return nil
	}
	tx, err := c.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing after Commit
	for v, step := range schema[have:] {
		if _, err := tx.ExecContext(ctx, step); err != nil {
			return fmt.Errorf("migrating to version %d: %w", have+v+1, err)
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version=%d", len(schema))); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("migrating to version %d: %w", len(schema), err)
	}
	return nil
}
