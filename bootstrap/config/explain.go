package config

import "github.com/offload/sessiond/ports"

// LimitVariables returns the variables that decide which limits apply to a client, and how they
// stand: those of a shared storage too, if there is one.
func (r *Review) LimitVariables() []string {
	variables := []string{VarConfigFile, varLimitPerIP, varLimitPerNetwork, varLimitPerInstall,
		varRenewPerInstall, varRenewPerIP, varLimitWindow, varLimitMode, varIPv6Prefix, varStorage,
		VarProxies, varProxyHeader}
	if r.Config.Storage == ports.StorageRedis {
		variables = append(variables, varDigestKey, VarRedisURL, VarRedisCA, VarRedisCert,
			VarRedisKey, varSentinelUser, varSentinelPass, varRedisKeyPrefix)
	}
	return variables
}

// HasDigestKey reports whether the key of the digests is configured, and not random.
func (r *Review) HasDigestKey() bool { return r.OriginOf(varDigestKey) != originDefault }
