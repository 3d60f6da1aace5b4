package ports

// Budget is the name of a resource budget of the HTTP server, in logs and metrics.
type Budget string

// The budgets.
const (
	// BudgetConnections bounds the open connections of all clients.
	BudgetConnections Budget = "connections"
	// BudgetConnectionsPerAddress bounds the open connections of one address.
	BudgetConnectionsPerAddress Budget = "connections_per_address"
	// BudgetConnectionsPerNetwork bounds the open connections of one network.
	BudgetConnectionsPerNetwork Budget = "connections_per_network"
	// BudgetRequests bounds the requests that are being computed.
	BudgetRequests Budget = "requests"
	// BudgetWaiting bounds the requests that wait for their clients.
	BudgetWaiting Budget = "waiting"
	// BudgetUnread bounds the time until a response is read.
	BudgetUnread Budget = "unread"
)

// Budgets returns all budgets.
func Budgets() []Budget {
	return []Budget{BudgetConnections, BudgetConnectionsPerAddress, BudgetConnectionsPerNetwork,
		BudgetRequests, BudgetWaiting, BudgetUnread}
}
