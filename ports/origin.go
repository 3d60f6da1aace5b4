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

// originContext is a context that carries an origin. It costs one allocation; context.WithValue
// would cost two.
type originContext struct {
	context.Context
	origin Origin
}

// Value implements context.Context.
func (c *originContext) Value(key any) any {
	if _, is := key.(originKey); is {
		return &c.origin
	}
	return c.Context.Value(key)
}

// WithOrigin returns a context that carries the origin of the events recorded with it.
func WithOrigin(ctx context.Context, origin Origin) context.Context {
	return &originContext{ctx, origin}
}

// OriginOf returns the origin in ctx, or the zero value if it carries none.
func OriginOf(ctx context.Context) Origin {
	if origin, found := ctx.Value(originKey{}).(*Origin); found {
		return *origin
	}
	return Origin{}
}
