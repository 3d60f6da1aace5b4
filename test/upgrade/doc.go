// Package upgrade runs the version before the present one beside it, as replicas are while an
// operator upgrades or rolls back.
package upgrade
