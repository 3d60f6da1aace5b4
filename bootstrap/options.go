package bootstrap

import "go.uber.org/fx"

// Option is what New may be given beside the configuration.
type Option = fx.Option

// Replace puts part in the place of the one that New makes for Port: another ports.Clock, ports.KeySource or LogOutput. Whoever builds on the
// port gets the replacement.
func Replace[Port any](part Port) Option {
	return fx.Decorate(func() Port { return part })
}
