/** What models call the tables that have a row for each token: the embedding and the head. */
const EMBEDDING = /(?:^|\.)(?:embed_tokens|wte|embed_in|word_embeddings|tok_embeddings)\.weight$/u;
const HEAD_TABLE = /(?:^|\.)(?:lm_head|embed_out)\.weight$/u;

export function isEmbedding(name: string): boolean {
  return EMBEDDING.test(name);
}

export function isHeadOrEmbedding(name: string): boolean {
  return HEAD_TABLE.test(name) || EMBEDDING.test(name);
}
