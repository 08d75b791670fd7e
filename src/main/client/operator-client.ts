/** Typed calls of the v1 operator API (`POST /api/v1`) on the leading master. */
import { MeshError } from "../../base/errors.ts";
import type { MasterCall } from "../../model/v1/master.ts";
import type { MasterResponse } from "../../model/v1/master-responses.ts";
import { decodeJson } from "../../wire/json-decode.ts";
import { encodeJson } from "../../wire/json-encode.ts";
import { type MasterClient, refusal } from "./master-client.ts";

const OPERATOR_PATH = "/api/v1";

/** Sends a call that is answered with a Response. */
export async function operatorCall(master: MasterClient, call: MasterCall): Promise<MasterResponse> {
  const answer = await master.post(OPERATOR_PATH, encodeJson("MasterCall", call));
  if (answer.status !== 200) throw refusal(call.type ?? "POST", OPERATOR_PATH, answer);
  const response = decodeJson("MasterResponse", answer.text);
  if (!response.ok) {
    throw new MeshError(
      "REQUEST_REFUSED",
      `Answer to ${call.type ?? "a call"} cannot be read: ${response.error.message}`,
    );
  }
  return response.value;
}
