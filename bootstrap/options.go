package bootstrap

import "go.uber.org/fx"

// Option changes the application that New returns.
type Option = fx.Option

// Replace returns an Option that uses part instead of the implementation that New provides for
// Port, for example another ports.Clock, ports.KeySource or LogOutput. Everything that depends on
// Port gets the replacement.
func Replace[Port any](part Port) Option {
	return fx.Decorate(func() Port { return part })
}
