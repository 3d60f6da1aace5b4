// Package snippets_test runs the clients that cmd/sessiond/docs/clients.md shows against the
// service, and compares the API that the page lists with the packages.
package snippets_test
