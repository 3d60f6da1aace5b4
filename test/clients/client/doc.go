// Package client is what oapi-codegen makes of the API's description. It is committed, and test/verify.sh fails where it would be made anew.
package client

//go:generate go tool oapi-codegen -config oapi-codegen.yaml ../../../adapters/http/api/openapi.json
