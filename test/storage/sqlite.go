// Package storage is an example of a shared limiter storage, on SQLite. It was written only from
// the section "How to add a storage" in ARCHITECTURE.md, and so tests that section as well: if you
// add a storage, start from this file and its test. It is a module of its own, so that SQLite stays
// out of the service's go.mod.
package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	_ "modernc.org/sqlite" // registers the driver

	"github.com/offload/sessiond/domain/throttle"
)

// The table holds one row for each grant that may still count: its subject, the length of its
// window, and the instant, both in nanoseconds. Subject and window together are the key, because
// grants in windows of different lengths are independent. The second index serves the cleanup in
// decide.
const schema = `CREATE TABLE IF NOT EXISTS grants
	(subject BLOB NOT NULL, span INTEGER NOT NULL, at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS by_subject ON grants (subject, span, at);
CREATE INDEX IF NOT EXISTS by_end ON grants (at + 2 * span)`

const (
	// The newest grants of a subject, in order; see lastGrants.
	selectLast = `SELECT at FROM
	(SELECT at FROM grants WHERE subject = ? AND span = ? ORDER BY at DESC LIMIT ?) ORDER BY at`
	// The grants of a subject that no longer count; see grant.
	deleteSpent = `DELETE FROM grants WHERE subject = ? AND span = ? AND at <= ?`
	insertGrant = `INSERT INTO grants (subject, span, at) VALUES (?, ?, ?)`
	// A few old grants of any subject; see decide.
	deleteOld = `DELETE FROM grants WHERE rowid IN
	(SELECT rowid FROM grants WHERE at + 2 * span <= ? LIMIT ?)`
)

// maxDeleted bounds how many old grants of other subjects a decision deletes, so that no decision
// takes long. It is more than a decision inserts, so that the table shrinks once clients stay away.
const maxDeleted = 8

// errUnavailable replaces every error of the database. The driver's text is left out, because
// errors are logged and it may hold a path.
var errUnavailable = errors.New("sqlite: no decision")

// Storage implements ports.LimiterStorage on one file. The processes that share the file must run
// on one machine, because they use its clock. Decide returns by the deadline of its context, or
// within ten seconds.
type Storage struct {
	db *sql.DB
	// now returns the instant of a decision, given the caller's. The suite's storages return the
	// caller's instant, and all others that of the shared clock.
	now func(callers throttle.Instant) throttle.Instant
}

// Open opens the file at path, and creates it if it does not exist.
//
// Instants of different processes are comparable only if they come from one clock. A process's own
// ports.Clock counts from its start, so the storage ignores the caller's now and reads a clock that
// all its processes share.
func Open(path string) (*Storage, error) {
	return open(path, func(throttle.Instant) throttle.Instant {
		return throttle.Instant(time.Now().UnixNano())
	})
}

func open(path string, now func(throttle.Instant) throttle.Instant) (*Storage, error) {
	query := url.Values{
		// A transaction takes the write lock before it reads, so that no other decision comes
		// between.
		"_txlock": {"immediate"},
		// A decision waits up to ten seconds for that lock. A power failure may lose grants or
		// damage the file, which this example accepts for speed.
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

// Decide implements ports.LimiterStorage. It returns the context's error if the context ended, and
// errUnavailable for any other failure.
func (s *Storage) Decide(ctx context.Context, now throttle.Instant,
	checks throttle.Checks) (throttle.Decision, error) {
	decision, err := s.decide(ctx, now, &checks)
	switch {
	case err == nil:
		return decision, nil
	case ctx.Err() != nil:
		return throttle.Decision{}, ctx.Err()
	}
	return throttle.Decision{}, errUnavailable
}

// decide makes a decision in one transaction, which makes it atomic: it reads the grants of each
// subject, lets the domain decide, and writes the new grants. A refusal writes nothing.
func (s *Storage) decide(ctx context.Context, now throttle.Instant,
	checks *throttle.Checks) (throttle.Decision, error) {
	var none throttle.Decision
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return none, err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	// The instant is read under the lock, so that grants are written in the order of their
	// instants.
	now = s.now(now)
	states := make([]throttle.State, checks.Len())
	at := make([]throttle.Instant, checks.Len())
	for i := range checks.Len() {
		check := checks.At(i)
		last, err := lastGrants(ctx, tx, check)
		if err != nil {
			return none, err
		}
		// A caller that is earlier than the subject's last grant counts as being at that grant.
		grants := throttle.Grants{last}
		at[i] = grants.Effective(now)
		states[i] = check.State(&grants, at[i])
	}
	decision := throttle.Decide(states...)
	if decision.Refused() {
		return decision, nil
	}
	for i := range checks.Len() {
		if err := grant(ctx, tx, checks.At(i), at[i]); err != nil {
			return none, err
		}
	}
	// Grants are kept for one window longer than they count, so that a caller whose clock was read
	// earlier still finds them.
	if _, err := tx.ExecContext(ctx, deleteOld, int64(now), maxDeleted); err != nil {
		return none, err
	}
	return decision, tx.Commit()
}

// lastGrants returns the last instants of the check's subject in its window, oldest first, and no
// more than the limit: earlier ones make no difference.
func lastGrants(ctx context.Context, tx *sql.Tx, check throttle.Check) ([]throttle.Instant, error) {
	rows, err := tx.QueryContext(ctx, selectLast,
		check.Subject[:], int64(check.Window), check.Limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err below returns the error that matters
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

// grant records a grant, and deletes the subject's grants that no longer count.
func grant(ctx context.Context, tx *sql.Tx, check throttle.Check, at throttle.Instant) error {
	_, err := tx.ExecContext(ctx, deleteSpent,
		check.Subject[:], int64(check.Window), int64(at)-int64(check.Window))
	if err == nil {
		_, err = tx.ExecContext(ctx, insertGrant,
			check.Subject[:], int64(check.Window), int64(at))
	}
	return err
}
