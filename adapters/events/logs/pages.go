package logs

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/offload/sessiond/ports"
)

const (
	// pagesWindow is the window in which at most maxLines lines about refused pages are written.
	pagesWindow = time.Minute
	// maxPages is how many pages are remembered. A further page replaces the oldest one, which is
	// logged again if it is refused again.
	maxPages = 1024
)

// remedyPage returns the remedy if the operator's own page is refused. origins is the variable that
// lists the allowed origins.
func remedyPage(origins string) string {
	return "a web page that is not allowed asked to use the service; if it is yours, add its " +
		"origin, which the browser's console shows, to " + origins
}

// remedyMethod is the remedy if the page is allowed and the method is not.
const remedyMethod = "a web page that is allowed asked for a method that the path does not " +
	"support; /openapi.json lists the methods"

// pages logs refused preflights once for each page, at most ten a minute. A page whose line was
// left out is not remembered, so that a flood from other pages does not hide it forever.
type pages struct {
	logger  *slog.Logger
	limiter *lineLimiter
	origins string // the variable that lists the allowed origins

	mu     sync.Mutex
	logged map[[32]byte]bool
	order  [][32]byte // the pages in logged: a ring buffer once there are maxPages
	next   int        // the index in order that the next page takes then
}

func newPages(logger *slog.Logger, clock ports.Clock, origins string) *pages {
	p := &pages{logger: logger, origins: origins, logged: map[[32]byte]bool{}}
	p.limiter = newLineLimiter(clock, pagesWindow, func(suppressed int) {
		logger.LogAttrs(context.Background(), slog.LevelInfo, eventCORSRefused,
			slog.Int(attrSuppressed, suppressed))
	})
	return p
}

// refused logs a refused preflight. The line does not contain the origin, because clients choose
// the value of that header.
func (p *pages) refused(ctx context.Context, e ports.CORSRefused) {
	suppressed, ok := p.admit(e.Page)
	if !ok {
		return
	}
	remedy := remedyPage(p.origins)
	if e.Allowed {
		remedy = remedyMethod
	}
	origin := ports.OriginOf(ctx)
	p.logger.LogAttrs(ctx, slog.LevelInfo, eventCORSRefused,
		slog.String("request_id", origin.RequestID), slog.String("path", origin.Route),
		slog.String("remedy", remedy), slog.Int(attrSuppressed, suppressed))
}

// admit reports whether a line about page may be written. If so, it remembers the page and returns
// the number of lines suppressed before it.
func (p *pages) admit(page [32]byte) (suppressed int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.logged[page] {
		return 0, false
	}
	suppressed, ok = p.limiter.allow()
	if !ok {
		return 0, false
	}
	p.logged[page] = true
	if len(p.order) < maxPages {
		p.order = append(p.order, page)
		return suppressed, true
	}
	delete(p.logged, p.order[p.next])
	p.order[p.next] = page
	p.next = (p.next + 1) % maxPages
	return suppressed, true
}
