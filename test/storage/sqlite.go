// Package storage is a shared limiter storage on SQLite, written by ARCHITECTURE.md's "How to add a storage" alone, to try that page. It is for tests,
// in a module of its own, so that SQLite stays out of the service's go.mod.
package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/offload/sessiond/domain/throttle"
)

const schema = `CREATE TABLE IF NOT EXISTS grants (subject BLOB NOT NULL, span INTEGER NOT NULL, at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS by_subject ON grants (subject, span, at);
CREATE INDEX IF NOT EXISTS by_end ON grants (at + 2 * span)`

// swept is how many grants that ended long ago a decision lets go of at most.
const swept = 8

// errUnavailable is any failure of the database. The driver's text, which may hold a path, is left out.
var errUnavailable = errors.New("sqlite: no decision")

// Storage is a ports.LimiterStorage on one file, which processes of one machine share: they also share its clock. Decide answers by the deadline
// of its context, or within ten seconds.
type Storage struct {
	db  *sql.DB
	now func(asked throttle.Instant) throttle.Instant
}

// Open opens the file at path, and makes it where there is none.
func Open(path string) (*Storage, error) {
	return open(path, func(throttle.Instant) throttle.Instant {
		return throttle.Instant(time.Now().UnixNano())
	})
}

func open(path string, now func(throttle.Instant) throttle.Instant) (*Storage, error) {
	query := url.Values{
		"_txlock": {"immediate"}, // a transaction takes the write lock before it reads
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(OFF)"},
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: path,
		RawQuery: query.Encode()}).String())
	if err != nil {
		return nil, errUnavailable
	}
	if _, err := db.Exec(schema); err != nil {
		return nil, errors.Join(errUnavailable, db.Close())
	}
	return &Storage{db: db, now: now}, nil
}

// Close closes the file.
func (s *Storage) Close() error { return s.db.Close() }

// Decide is ports.LimiterStorage's.
func (s *Storage) Decide(ctx context.Context, now throttle.Instant,
	asks throttle.Checks) (throttle.Decision, error) {
	decision, err := s.decide(ctx, now, &asks)
	switch {
	case err == nil:
		return decision, nil
	case ctx.Err() != nil:
		return throttle.Decision{}, ctx.Err()
	}
	return throttle.Decision{}, errUnavailable
}

func (s *Storage) decide(ctx context.Context, now throttle.Instant,
	asks *throttle.Checks) (throttle.Decision, error) {
	var none throttle.Decision
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return none, err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	now = s.now(now)
	standings := make([]throttle.State, asks.Len())
	at := make([]throttle.Instant, asks.Len())
	for i := range asks.Len() {
		ask := asks.At(i)
		last, err := lastGrants(ctx, tx, ask)
		if err != nil {
			return none, err
		}
		grants := throttle.Grants{last}
		at[i] = grants.Effective(now)
		standings[i] = ask.State(&grants, at[i])
	}
	decision := throttle.Decide(standings...)
	if decision.Refused() {
		return decision, nil
	}
	for i := range asks.Len() {
		if err := grant(ctx, tx, asks.At(i), at[i]); err != nil {
			return none, err
		}
	}
	// A window longer than needed, so that no late caller gains by it.
	if _, err := tx.ExecContext(ctx,
		`DELETE FROM grants WHERE rowid IN (SELECT rowid FROM grants WHERE at + 2 * span <= ? LIMIT ?)`, int64(now), swept); err != nil {
		return none, err
	}
	return decision, tx.Commit()
}

// lastGrants are the last instants of the ask's subject in its window, oldest first, as many as its limit.
func lastGrants(ctx context.Context, tx *sql.Tx, ask throttle.Check) ([]throttle.Instant, error) {
	rows, err := tx.QueryContext(ctx,
		`SELECT at FROM (SELECT at FROM grants WHERE subject = ? AND span = ? ORDER BY at DESC LIMIT ?) ORDER BY at`,
		ask.Subject[:], int64(ask.Window), ask.Limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	var last []throttle.Instant
	for rows.Next() {
		var at throttle.Instant
		if err := rows.Scan(&at); err != nil {
			return nil, fmt.Errorf("scan: %w", err)
		}
		last = append(last, at)
	}
	return last, rows.Err()
}

// grant writes one, and lets go of what left the subject's window.
func grant(ctx context.Context, tx *sql.Tx, ask throttle.Check, at throttle.Instant) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM grants WHERE subject = ? AND span = ? AND at <= ?`,
		ask.Subject[:], int64(ask.Window), int64(at)-int64(ask.Window))
	if err == nil {
		_, err = tx.ExecContext(ctx, `INSERT INTO grants (subject, span, at) VALUES (?, ?, ?)`,
			ask.Subject[:], int64(ask.Window), int64(at))
	}
	return err
}
