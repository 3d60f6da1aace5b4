// Package deploy tests what is in cmd/sessiond/deploy for operators: that each file is valid where
// it is used, and that the service runs as the file says. It is a module of its own, because it
// needs the libraries of Kubernetes and of Compose.
package deploy
