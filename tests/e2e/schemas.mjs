// The server's own description of its API, as validators.
import Ajv2020 from 'ajv/dist/2020.js';

// Objects with named properties hold nothing else: what the description does not tell is a fault of it.
function closed(schema) {
  if (Array.isArray(schema)) return schema.map(closed);
  if (schema === null || typeof schema !== 'object') return schema;
  const out = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  if (out.properties && out.type === 'object') out.additionalProperties ??= false;
  return out;
}

export class ApiDescription {
  static async of(shimmy) {
    const description = new ApiDescription();
    description.document = await (await shimmy.get('/openapi.json')).json();
    const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
    ajv.addSchema({ $id: 'api', components: closed(description.document.components) });
    description.ajv = ajv;
    return description;
  }

  // Throws when the value is not what the component schema of that name says.
  check(name, value) {
    const validate = this.ajv.getSchema(`api#/components/schemas/${name}`);
    if (!validate) throw new Error(`no schema ${name}`);
    if (validate(value)) return;
    throw new Error(`not a ${name}: ${this.ajv.errorsText(validate.errors)}\n${JSON.stringify(value)}`);
  }

  // [path, operation] of each POST route.
  posts() {
    return Object.entries(this.document.paths).flatMap(([path, methods]) => (methods.post ? [[path, methods.post]] : []));
  }
}

export const parametersOf = (operation) => operation.requestBody.content['application/json'].schema.properties;
export const answerOf = (operation, type = 'application/json') =>
  operation.responses['200'].content[type]?.schema.$ref?.split('/').at(-1);
