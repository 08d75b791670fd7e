/** Just enough of an FTP server (RFC 959, RFC 2428) for one client at a time that reads files. */
type Socket = Bun.Socket<unknown>;

export interface FtpFiles {
  /** By path without the first slash; a promise keeps the end of the file back. */
  readonly [path: string]: { readonly content: Uint8Array; readonly until?: Promise<void> };
}

export class FtpServer {
  readonly port: number;
  readonly commands: string[] = [];
  readonly #files: FtpFiles;
  readonly #control: Bun.TCPSocketListener;
  readonly #data: Bun.TCPSocketListener;
  #opened = Promise.withResolvers<Socket>();
  readonly #awaited = new Map<string, () => void>();
  #directory: string[] = [];

  constructor(files: FtpFiles) {
    this.#files = files;
    const on = { hostname: "127.0.0.1", port: 0 };
    this.#data = Bun.listen({ ...on, socket: { open: (socket) => this.#opened.resolve(socket), data() {} } });
    this.#control = Bun.listen({
      ...on,
      socket: {
        open: (socket) => void socket.write("220 ready\r\n"),
        data: (socket, bytes) => {
          for (const line of bytes
            .toString()
            .split("\r\n")
            .filter((each) => each !== "")) {
            this.commands.push(line);
            this.#awaited.get(line)?.();
            const [name = "", ...rest] = line.split(" ");
            void this.#answer(socket, name.toUpperCase(), rest.join(" "));
          }
        },
      },
    });
    this.port = this.#control.port;
  }

  /** Resolves when it gets the command once more. */
  async asked(command: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#awaited.set(command, resolve);
    await promise;
  }

  stop(): void {
    this.#control.stop(true);
    this.#data.stop(true);
  }

  async #answer(socket: Socket, name: string, value: string): Promise<void> {
    const say = (line: string): void => void socket.write(`${line}\r\n`);
    const path = [...this.#directory, value].join("/");
    const file = this.#files[path];
    switch (name) {
      case "USER":
        return say("331 and the password?");
      case "PASS":
        return say(value === "wrong" ? "530 no" : "230 come in");
      case "PWD":
        this.#directory = [];
        return say('257 "/"');
      case "CWD":
        this.#directory.push(value);
        return say("250 there");
      case "TYPE":
        return say("200 so be it");
      case "EPSV":
        this.#opened = Promise.withResolvers<Socket>();
        return say(`229 extended passive (|||${this.#data.port}|)`);
      case "SIZE":
        return say(file === undefined ? "550 no such file" : `213 ${file.content.length}`);
      case "RETR":
        if (file === undefined) return say("550 no such file");
        say("150 it comes");
        await this.#send(file);
        return say("226 that was it");
      case "QUIT":
        return say("221 bye");
      default:
        return say("502 not here");
    }
  }

  async #send({ content, until }: FtpFiles[string]): Promise<void> {
    const socket = await this.#opened.promise;
    socket.write(content.subarray(0, content.length - 1));
    await until;
    socket.write(content.subarray(content.length - 1));
    socket.end();
  }
}
