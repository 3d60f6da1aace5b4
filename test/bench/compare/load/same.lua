-- The same request for a session each time.
wrk.method = "POST"
wrk.body = '{"install_id":"install-12345","app_version":"1.0","platform":"ios"}'
wrk.headers["Content-Type"] = "application/json"
