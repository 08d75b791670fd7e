const SWITCHES = ["NO_PROXY", "no_proxy"];

/**
 * fetch() within the cluster. `http_proxy` and its like, which a machine may have for images and what tasks
 * fetch, are for the world outside: a proxy may not know the names in here, and holds streams back. fetch()
 * reads the variables while it is called (Bun has no option against it), so nobody else sees them changed.
 */
export function directFetch(url: string, init?: RequestInit): Promise<Response> {
  const before = SWITCHES.map((name) => [name, process.env[name]] as const);
  for (const name of SWITCHES) process.env[name] = "*";
  try {
    return fetch(url, init);
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
