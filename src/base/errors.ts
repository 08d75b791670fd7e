/**
 * The catalogue of errors that people and clients can meet: a stable code, the
 * HTTP status where one applies, and what it means. docs/errors.md lists the
 * same codes; a test compares both.
 */
export interface ErrorKind {
  /** HTTP status of the answer, or 0 where the error never reaches HTTP. */
  readonly status: number;
  /** What it means and what to do, as docs/errors.md says it. */
  readonly meaning: string;
}

export const ERRORS = {
  NOT_LEADER: { status: 307, meaning: "This master does not lead; follow the Location header" },
  NO_LEADER: { status: 503, meaning: "No master leads at the moment; try again" },
  NOT_RECOVERED: { status: 503, meaning: "The leader has not applied its log yet; try again" },
  OVERLOADED: { status: 503, meaning: "The inbox is full; try again later" },
  BAD_FLAG: { status: 0, meaning: "A command-line flag has a value that cannot be used" },
  ADDRESS_IN_USE: { status: 0, meaning: "Another process listens on the address; choose another port" },
  DIRECTORY_UNUSABLE: { status: 0, meaning: "A directory cannot be created or written" },
  DIRECTORY_LOCKED: { status: 0, meaning: "Another process uses the data directory" },
  LOG_DAMAGED: {
    status: 0,
    meaning:
      "A record of the master's log on disk is damaged; replace this master by one with an empty directory",
  },
  VERSION_TOO_OLD: {
    status: 0,
    meaning: "The cluster uses log entries that this version of mesh cannot apply; upgrade this master",
  },
  BACKUP_UNUSABLE: {
    status: 0,
    meaning: "A backup cannot be written, is not whole, or cannot be restored into this directory",
  },
  CHECKPOINT_DAMAGED: {
    status: 0,
    meaning:
      "The agent's checkpoint is damaged; start it with --no-strict, or delete its meta directory to start as a new agent",
  },
  MASTER_UNREACHABLE: {
    status: 0,
    meaning: "No leading master answers at the addresses given; check --master",
  },
  REQUEST_REFUSED: {
    status: 0,
    meaning: "A master or agent refused a request of a client command; the text says why",
  },
  AGENT_UNREACHABLE: {
    status: 0,
    meaning: "The agent of a task does not answer, or no longer; start it again, its tasks run on",
  },
  TASK_NOT_FOUND: { status: 0, meaning: "No task has this id; 'mesh tasks' lists them" },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

/** An error with a code of the catalogue; the message says action, value and way out. */
export class MeshError extends Error {
  override readonly name = "MeshError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }
}
