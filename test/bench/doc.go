// Package bench holds what a shared decision costs against code that is not ours: redis_rate on
// go-redis, and a bare PING. It is a module of its own, so that they stay out of the service's
// go.mod.
package bench
