package ports

import "context"

// Origin is the request that an event belongs to.
type Origin struct {
	// RequestID is safe to log: the HTTP server generated or validated it.
	RequestID string
	// Route is the pattern that matched, never the path as sent.
	Route string
}

type originKey struct{}

// WithOrigin returns a context that carries the origin of the events recorded with it.
func WithOrigin(ctx context.Context, origin Origin) context.Context {
	return context.WithValue(ctx, originKey{}, origin)
}

// OriginOf returns the origin in ctx, or the zero value if it carries none.
func OriginOf(ctx context.Context) Origin {
	origin, _ := ctx.Value(originKey{}).(Origin)
	return origin
}
