package redis

import (
	"errors"
	"fmt"
	"syscall"
)

// remedyFor returns what the operator can do about a server that does not decide, by the cause.
func (i *Inspection) remedyFor(err error) string {
	var failed *UnavailableError
	if !errors.As(err, &failed) {
		return i.withDocs("check the server and the network between")
	}
	switch failed.Reason {
	case TimedOut:
		return i.withDocs("check that host and port are right, that no firewall drops packets, and " +
			"that the server does not hang")
	case Unintelligible:
		return i.withDocs("check that the port is that of Redis or Valkey, and that no proxy in " +
			"between changes replies")
	case Refused:
		return i.withDocs(refusalRemedy(failed.Detail))
	case Unreachable:
		return i.withDocs(i.connectionRemedy(failed.Detail))
	case Canceled:
	}
	return i.withDocs("run the check again")
}

func (i *Inspection) withDocs(remedy string) string { return remedy + "; see " + permissionsDocs }

// refusalRemedy returns the remedy for an error that the server replied with, by its code.
func refusalRemedy(code string) string {
	switch code {
	case "WRONGPASS":
		return "correct user and password in the URL; write special characters as %XX"
	case "NOAUTH":
		return "add the password to the URL: redis://user:password@host:6379/0"
	case "NOPERM":
		return "give the user the permissions on commands, and on the keys with the configured prefix"
	case "OOM":
		return "give the server more memory, and do not let it evict"
	case "READONLY", "MASTERDOWN":
		return "name the master, or Sentinels that know it: the server is a replica"
	case "LOADING":
		return "wait until the server has loaded its data"
	case "MISCONF", "NOREPLICAS":
		return "check the server's disk and its min-replicas-to-write: it refuses writes"
	case "BUSY", "UNKILLABLE":
		return "end the script that blocks the server: SCRIPT KILL"
	case "CLUSTERDOWN", "MOVED", "ASK", "TRYAGAIN", "CROSSSLOT":
		return "check that every slot of the Cluster has a master, and name its nodes in the URL"
	case plainCode:
		return "check that the database of the URL exists, that maxclients is not reached, and " +
			"the log of the server"
	}
	return "check that the server is Redis 7 or Valkey, and not a proxy"
}

// connectionRemedy returns the remedy for a failed attempt to connect, by its detail.
func (i *Inspection) connectionRemedy(detail string) string {
	switch detail {
	case errNoTLS.Error():
		return "use redis:// instead of rediss://, or the port on which the server speaks TLS"
	case errOnlyTLS.Error():
		return "use rediss:// instead of redis://"
	case errWantsCertificate.Error():
		return fmt.Sprintf("set %s and %s", i.CertificateVariable, i.KeyVariable)
	case errRejectsCertificate.Error():
		return fmt.Sprintf("renew the certificate in %s, or make its authority known to the server "+
			"(tls-ca-cert-file)", i.CertificateVariable)
	case errNotTrusted.Error():
		return fmt.Sprintf("set %s to the authority that signed the server's certificate", i.CAVariable)
	case errOtherName.Error():
		return "use the host name that the certificate is for, or a certificate for the host of the URL"
	case errNotInPeriod.Error():
		return "renew the server's certificate, or correct the clock of this host"
	case errNoHello.Error():
		return "connect to the server itself, not through a proxy that does not know HELLO"
	case errNoAddress.Error():
		return "correct the host name in the URL, or DNS"
	case errEnded.Error():
		return "check that maxclients is not reached, and that no proxy cuts connections"
	case syscall.ECONNREFUSED.Error():
		return "start the server, let it listen beyond loopback (bind), or correct host and port"
	case syscall.EHOSTUNREACH.Error(), syscall.ENETUNREACH.Error():
		return "check the route to the server, or correct the host"
	case syscall.EMFILE.Error(), syscall.EADDRNOTAVAIL.Error():
		return "raise the limit of open files, or the range of local ports, of this host"
	}
	return "check that the servers of the URL run, that Sentinel knows a master, and that every " +
		"slot of a Cluster is served"
}
