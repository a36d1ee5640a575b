// Spellings of a Llama-family model as other code bases might have chosen them, invented by
// somebody who had not seen what the inference knows. Each says which role a tensor has; the names
// are what the inference is given. Not to be changed to suit the inference.
//
// A vocabulary is lines of "role name". In a name:
//     {l}  the layer, from 0      {m}  the layer, from 1     {ll}  the layer, two digits
//     {lll} the same, three       {mm} from 1, two digits    {e}  the expert, from 0
//     {f}  the expert, from 1     {ee} from 0, two digits    {h}  eight digits, no meaning
//     {n}  the number of the tensor, from 1, in the order written here; {nnn} three digits
// Roles of one name are fused in one tensor, in the order of the lines. The line "bias A B" says
// that the bias of a tensor whose name ends in A is called the same, with B for A; "role.bias name"
// gives one by itself. Experts without {e} are one tensor of three dimensions.
#ifndef AKA_TEST_OUTSIDE_VOCABULARIES_HPP
#define AKA_TEST_OUTSIDE_VOCABULARIES_HPP

namespace test {

enum class outside_kind {
    meaning,     // a programmer who reads the names knows every role
    none,        // the names say nothing
    misleading,  // words that many things are called by, or numbers in an unusual order
};

struct outside_vocabulary {
    const char* id;
    outside_kind kind;
    bool in_first;  // matrices are stored as [in, out]
    const char* lines;
};

inline constexpr outside_vocabulary outside_vocabularies[] = {
    // ---- meaning -------------------------------------------------------------------------------
    {"mixer", outside_kind::meaning, false, R"(
token_embd stack/vocab/table
output_norm stack/final/scale
output stack/readout/map
attn_norm stack/{l}/mixer/pre_scale
attn_q stack/{l}/mixer/query_map
attn_k stack/{l}/mixer/key_map
attn_v stack/{l}/mixer/value_map
attn_output stack/{l}/mixer/out_map
ffn_norm stack/{l}/ffn/pre_scale
ffn_gate stack/{l}/ffn/gate_map
ffn_up stack/{l}/ffn/up_map
ffn_down stack/{l}/ffn/down_map
ffn_gate_inp stack/{l}/ffn/router_map
ffn_gate_exps stack/{l}/ffn/experts/gate_map
ffn_up_exps stack/{l}/ffn/experts/up_map
ffn_down_exps stack/{l}/ffn/experts/down_map
bias _map _shift
)"},
    {"selfatt", outside_kind::meaning, false, R"(
token_embd TokEmb.W
output_norm FinalNorm.G
output Unembed.W
attn_norm Blk{ll}.SelfAtt.PreNorm.G
attn_q Blk{ll}.SelfAtt.Wquery
attn_k Blk{ll}.SelfAtt.Wkey
attn_v Blk{ll}.SelfAtt.Wvalue
attn_output Blk{ll}.SelfAtt.Wout
ffn_norm Blk{ll}.Mlp.PreNorm.G
ffn_gate Blk{ll}.Mlp.Wgate
ffn_up Blk{ll}.Mlp.Wup
ffn_down Blk{ll}.Mlp.Wdown
attn_q.bias Blk{ll}.SelfAtt.Bquery
attn_k.bias Blk{ll}.SelfAtt.Bkey
attn_v.bias Blk{ll}.SelfAtt.Bvalue
attn_output.bias Blk{ll}.SelfAtt.Bout
ffn_gate.bias Blk{ll}.Mlp.Bgate
ffn_up.bias Blk{ll}.Mlp.Bup
ffn_down.bias Blk{ll}.Mlp.Bdown
ffn_gate_inp Blk{ll}.Moe.Wrouter
ffn_gate_exps Blk{ll}.Moe.Exp{e}.Wgate
ffn_up_exps Blk{ll}.Moe.Exp{e}.Wup
ffn_down_exps Blk{ll}.Moe.Exp{e}.Wdown
)"},
    {"tower", outside_kind::meaning, false, R"(
token_embd tower.emb.tok.w
output_norm tower.ln_end.g
output tower.to_logits.w
attn_norm tower.lyr.{l}.ln_sa.g
attn_q tower.lyr.{l}.sa.to_q.w
attn_k tower.lyr.{l}.sa.to_k.w
attn_v tower.lyr.{l}.sa.to_v.w
attn_output tower.lyr.{l}.sa.to_out.w
ffn_norm tower.lyr.{l}.ln_ff.g
ffn_gate tower.lyr.{l}.ff.gate.w
ffn_up tower.lyr.{l}.ff.up.w
ffn_down tower.lyr.{l}.ff.down.w
ffn_gate_inp tower.lyr.{l}.moe.gating.w
ffn_gate_exps tower.lyr.{l}.moe.ex.{e}.gate.w
ffn_up_exps tower.lyr.{l}.moe.ex.{e}.up.w
ffn_down_exps tower.lyr.{l}.moe.ex.{e}.down.w
bias .w .b
)"},
    {"dec_expand", outside_kind::meaning, false, R"(
token_embd word_embedding_table
output_norm last_rms_scale
output vocab_projection
attn_norm dec_{l}_att_rms_scale
attn_q dec_{l}_att_query
attn_k dec_{l}_att_key
attn_v dec_{l}_att_value
attn_output dec_{l}_att_merge
ffn_norm dec_{l}_ff_rms_scale
ffn_gate dec_{l}_ff_expand_gated
ffn_up dec_{l}_ff_expand_linear
ffn_down dec_{l}_ff_contract
ffn_gate_inp dec_{l}_ff_router
ffn_gate_exps dec_{l}_ff_expert{e}_expand_gated
ffn_up_exps dec_{l}_ff_expert{e}_expand_linear
ffn_down_exps dec_{l}_ff_expert{e}_contract
)"},
    {"jax_kernel", outside_kind::meaning, true, R"(
token_embd params/embedder/input_embedding
output_norm params/decoder/norm_out/scale
output params/decoder/logits_dense/kernel
attn_norm params/decoder/block_{l}/pre_attention_norm/scale
attn_q params/decoder/block_{l}/attention/query/kernel
attn_k params/decoder/block_{l}/attention/key/kernel
attn_v params/decoder/block_{l}/attention/value/kernel
attn_output params/decoder/block_{l}/attention/out/kernel
ffn_norm params/decoder/block_{l}/pre_ffw_norm/scale
ffn_gate params/decoder/block_{l}/ffw/gate/kernel
ffn_up params/decoder/block_{l}/ffw/up/kernel
ffn_down params/decoder/block_{l}/ffw/down/kernel
ffn_gate_inp params/decoder/block_{l}/moe/router/kernel
ffn_gate_exps params/decoder/block_{l}/moe/experts_{e}/gate/kernel
ffn_up_exps params/decoder/block_{l}/moe/experts_{e}/up/kernel
ffn_down_exps params/decoder/block_{l}/moe/experts_{e}/down/kernel
bias kernel bias
)"},
    {"t5_like", outside_kind::meaning, false, R"(
token_embd shared_embedding.weight
output_norm final_layer_norm.weight
output lm_projection.weight
attn_norm decoder.block.{l}.self_attention.layer_norm.weight
attn_q decoder.block.{l}.self_attention.q.weight
attn_k decoder.block.{l}.self_attention.k.weight
attn_v decoder.block.{l}.self_attention.v.weight
attn_output decoder.block.{l}.self_attention.o.weight
ffn_norm decoder.block.{l}.gated_mlp.layer_norm.weight
ffn_gate decoder.block.{l}.gated_mlp.wi_gate.weight
ffn_up decoder.block.{l}.gated_mlp.wi_up.weight
ffn_down decoder.block.{l}.gated_mlp.wo.weight
bias weight bias
)"},
    {"kebab", outside_kind::meaning, false, R"(
token_embd text-model.token-embeddings.weight
output_norm text-model.closing-norm.weight
output text-model.vocab-head.weight
attn_norm text-model.layer-{l}.attention-norm.weight
attn_q text-model.layer-{l}.attention.query-projection.weight
attn_k text-model.layer-{l}.attention.key-projection.weight
attn_v text-model.layer-{l}.attention.value-projection.weight
attn_output text-model.layer-{l}.attention.output-projection.weight
ffn_norm text-model.layer-{l}.feedforward-norm.weight
ffn_gate text-model.layer-{l}.feedforward.gate-projection.weight
ffn_up text-model.layer-{l}.feedforward.up-projection.weight
ffn_down text-model.layer-{l}.feedforward.down-projection.weight
ffn_gate_inp text-model.layer-{l}.feedforward.router.weight
ffn_gate_exps text-model.layer-{l}.feedforward.expert-{e}.gate-projection.weight
ffn_up_exps text-model.layer-{l}.feedforward.expert-{e}.up-projection.weight
ffn_down_exps text-model.layer-{l}.feedforward.expert-{e}.down-projection.weight
bias weight bias
)"},
    {"camel", outside_kind::meaning, false, R"(
token_embd wordEmbedding.weight
output_norm finalNorm.weight
output languageHead.weight
attn_norm decoderLayers.{l}.attentionNorm.weight
attn_q decoderLayers.{l}.attention.queryProj.weight
attn_k decoderLayers.{l}.attention.keyProj.weight
attn_v decoderLayers.{l}.attention.valueProj.weight
attn_output decoderLayers.{l}.attention.outputProj.weight
ffn_norm decoderLayers.{l}.feedForwardNorm.weight
ffn_gate decoderLayers.{l}.feedForward.gateProj.weight
ffn_up decoderLayers.{l}.feedForward.upProj.weight
ffn_down decoderLayers.{l}.feedForward.downProj.weight
ffn_gate_inp decoderLayers.{l}.mixtureOfExperts.router.weight
ffn_gate_exps decoderLayers.{l}.mixtureOfExperts.gateProj
ffn_up_exps decoderLayers.{l}.mixtureOfExperts.upProj
ffn_down_exps decoderLayers.{l}.mixtureOfExperts.downProj
bias weight bias
)"},
    {"pascal_slash", outside_kind::meaning, true, R"(
token_embd Decoder/TokenLookup/Table
output_norm Decoder/LastRmsNorm/Gain
output Decoder/VocabLogits/Matrix
attn_norm Decoder/L{m}/RmsNormBeforeAttention/Gain
attn_q Decoder/L{m}/Attention/QueryMatrix
attn_k Decoder/L{m}/Attention/KeyMatrix
attn_v Decoder/L{m}/Attention/ValueMatrix
attn_output Decoder/L{m}/Attention/OutputMatrix
ffn_norm Decoder/L{m}/RmsNormBeforeFeedForward/Gain
ffn_gate Decoder/L{m}/FeedForward/GateMatrix
ffn_up Decoder/L{m}/FeedForward/UpMatrix
ffn_down Decoder/L{m}/FeedForward/DownMatrix
bias Matrix Bias
)"},
    {"fused_snake", outside_kind::meaning, false, R"(
token_embd lm.tok_embed.weight
output_norm lm.out_norm.weight
output lm.head.weight
attn_norm lm.blk{l}.norm_attn.weight
attn_q lm.blk{l}.attn.fused_qkv.weight
attn_k lm.blk{l}.attn.fused_qkv.weight
attn_v lm.blk{l}.attn.fused_qkv.weight
attn_output lm.blk{l}.attn.proj_out.weight
ffn_norm lm.blk{l}.norm_mlp.weight
ffn_gate lm.blk{l}.mlp.fused_gate_up.weight
ffn_up lm.blk{l}.mlp.fused_gate_up.weight
ffn_down lm.blk{l}.mlp.proj_down.weight
ffn_gate_inp lm.blk{l}.moe.router.weight
ffn_gate_exps lm.blk{l}.moe.expert{e}.fused_gate_up.weight
ffn_up_exps lm.blk{l}.moe.expert{e}.fused_gate_up.weight
ffn_down_exps lm.blk{l}.moe.expert{e}.proj_down.weight
bias weight bias
)"},
    {"wx", outside_kind::meaning, false, R"(
token_embd W_embed
output_norm g_final
output W_unembed
attn_norm h{l}.g_attn
attn_q h{l}.W_Q
attn_k h{l}.W_K
attn_v h{l}.W_V
attn_output h{l}.W_O
ffn_norm h{l}.g_mlp
ffn_gate h{l}.W_gate
ffn_up h{l}.W_in
ffn_down h{l}.W_out
attn_q.bias h{l}.b_Q
attn_k.bias h{l}.b_K
attn_v.bias h{l}.b_V
attn_output.bias h{l}.b_O
ffn_gate.bias h{l}.b_gate
ffn_up.bias h{l}.b_in
ffn_down.bias h{l}.b_out
)"},
    {"lens", outside_kind::meaning, true, R"(
token_embd embed.W_E
output_norm ln_final.w
output unembed.W_U
attn_norm blocks.{l}.ln_pre_attn.w
attn_q blocks.{l}.attn.W_Q
attn_k blocks.{l}.attn.W_K
attn_v blocks.{l}.attn.W_V
attn_output blocks.{l}.attn.W_O
ffn_norm blocks.{l}.ln_pre_mlp.w
ffn_gate blocks.{l}.mlp.W_gate
ffn_up blocks.{l}.mlp.W_in
ffn_down blocks.{l}.mlp.W_out
attn_q.bias blocks.{l}.attn.b_Q
attn_k.bias blocks.{l}.attn.b_K
attn_v.bias blocks.{l}.attn.b_V
attn_output.bias blocks.{l}.attn.b_O
ffn_gate.bias blocks.{l}.mlp.b_gate
ffn_up.bias blocks.{l}.mlp.b_in
ffn_down.bias blocks.{l}.mlp.b_out
)"},
    {"swish_branch", outside_kind::meaning, false, R"(
token_embd net.vocab_embedding.param
output_norm net.norm_last.param
output net.vocab_logits.param
attn_norm net.trunk.{l}.norm_before_att.param
attn_q net.trunk.{l}.att.queries.param
attn_k net.trunk.{l}.att.keys.param
attn_v net.trunk.{l}.att.values.param
attn_output net.trunk.{l}.att.combine_heads.param
ffn_norm net.trunk.{l}.norm_before_glu.param
ffn_gate net.trunk.{l}.glu.swish_branch.param
ffn_up net.trunk.{l}.glu.linear_branch.param
ffn_down net.trunk.{l}.glu.project_back.param
ffn_gate_inp net.trunk.{l}.moe.selector.param
ffn_gate_exps net.trunk.{l}.moe.glu_{e}.swish_branch.param
ffn_up_exps net.trunk.{l}.moe.glu_{e}.linear_branch.param
ffn_down_exps net.trunk.{l}.moe.glu_{e}.project_back.param
)"},
    {"colon", outside_kind::meaning, false, R"(
token_embd embed:tokens
output_norm norm:final
output head:lm
attn_norm layer:{l}:norm:attn
attn_q layer:{l}:attn:q
attn_k layer:{l}:attn:k
attn_v layer:{l}:attn:v
attn_output layer:{l}:attn:o
ffn_norm layer:{l}:norm:ffn
ffn_gate layer:{l}:ffn:gate
ffn_up layer:{l}:ffn:up
ffn_down layer:{l}:ffn:down
ffn_gate_inp layer:{l}:moe:router
ffn_gate_exps layer:{l}:moe:{e}:gate
ffn_up_exps layer:{l}:moe:{e}:up
ffn_down_exps layer:{l}:moe:{e}:down
)"},
    {"layer_last", outside_kind::meaning, false, R"(
token_embd tok_embeddings
output_norm norm_f
output logit_head
attn_norm attention_norm.{l}
attn_q attention_wq.{l}
attn_k attention_wk.{l}
attn_v attention_wv.{l}
attn_output attention_wo.{l}
ffn_norm feedforward_norm.{l}
ffn_gate feedforward_gate.{l}
ffn_up feedforward_up.{l}
ffn_down feedforward_down.{l}
ffn_gate_inp moe_router.{l}
ffn_gate_exps moe_gate.{l}
ffn_up_exps moe_up.{l}
ffn_down_exps moe_down.{l}
)"},
    {"layer_last_glued", outside_kind::meaning, false, R"(
token_embd embeddings_w
output_norm end_norm_w
output out_head_w
attn_norm pre_att_norm_w_L{l}
attn_q att_q_w_L{l}
attn_k att_k_w_L{l}
attn_v att_v_w_L{l}
attn_output att_o_w_L{l}
ffn_norm pre_mlp_norm_w_L{l}
ffn_gate mlp_gate_w_L{l}
ffn_up mlp_up_w_L{l}
ffn_down mlp_down_w_L{l}
)"},
    {"role_first", outside_kind::meaning, false, R"(
token_embd embed_in.weight
output_norm ln_out.weight
output embed_out.weight
attn_norm ln_attn/{l}.weight
attn_q query/{l}.weight
attn_k key/{l}.weight
attn_v value/{l}.weight
attn_output attn_out/{l}.weight
ffn_norm ln_mlp/{l}.weight
ffn_gate mlp_gate/{l}.weight
ffn_up mlp_up/{l}.weight
ffn_down mlp_down/{l}.weight
bias weight bias
)"},
    {"mid_index", outside_kind::meaning, false, R"(
token_embd backbone.lut.mat
output_norm backbone.norm_post.vec
output backbone.readout.mat
attn_norm backbone.attention.{l}.norm.vec
attn_q backbone.attention.{l}.q.mat
attn_k backbone.attention.{l}.k.mat
attn_v backbone.attention.{l}.v.mat
attn_output backbone.attention.{l}.out.mat
ffn_norm backbone.mlp.{l}.norm.vec
ffn_gate backbone.mlp.{l}.gate.mat
ffn_up backbone.mlp.{l}.up.mat
ffn_down backbone.mlp.{l}.down.mat
ffn_gate_inp backbone.mlp.{l}.router.mat
ffn_gate_exps backbone.mlp.{l}.experts.{e}.gate.mat
ffn_up_exps backbone.mlp.{l}.experts.{e}.up.mat
ffn_down_exps backbone.mlp.{l}.experts.{e}.down.mat
)"},
    {"c_struct", outside_kind::meaning, false, R"(
token_embd tok_emb_table
output_norm rms_final
output wcls
attn_norm layers{l}.rms_att
attn_q layers{l}.wq
attn_k layers{l}.wk
attn_v layers{l}.wv
attn_output layers{l}.wo
ffn_norm layers{l}.rms_ffn
ffn_gate layers{l}.w_gate
ffn_up layers{l}.w_up
ffn_down layers{l}.w_down
attn_q.bias layers{l}.bq
attn_k.bias layers{l}.bk
attn_v.bias layers{l}.bv
attn_output.bias layers{l}.bo
ffn_gate.bias layers{l}.b_gate
ffn_up.bias layers{l}.b_up
ffn_down.bias layers{l}.b_down
)"},
    {"meta_abbrev", outside_kind::meaning, false, R"(
token_embd te.w
output_norm fn.w
output lmh.w
attn_norm tb.{l}.an.w
attn_q tb.{l}.att.wq
attn_k tb.{l}.att.wk
attn_v tb.{l}.att.wv
attn_output tb.{l}.att.wo
ffn_norm tb.{l}.fn.w
ffn_gate tb.{l}.ffn.wg
ffn_up tb.{l}.ffn.wu
ffn_down tb.{l}.ffn.wd
ffn_gate_inp tb.{l}.ffn.wr
ffn_gate_exps tb.{l}.ffn.exp.{e}.wg
ffn_up_exps tb.{l}.ffn.exp.{e}.wu
ffn_down_exps tb.{l}.ffn.exp.{e}.wd
)"},
    {"residual", outside_kind::meaning, false, R"(
token_embd embed.tokens.weight
output_norm head.norm.weight
output head.linear.weight
attn_norm residual.{l}.attn_branch.norm.weight
attn_q residual.{l}.attn_branch.q_lin.weight
attn_k residual.{l}.attn_branch.k_lin.weight
attn_v residual.{l}.attn_branch.v_lin.weight
attn_output residual.{l}.attn_branch.o_lin.weight
ffn_norm residual.{l}.mlp_branch.norm.weight
ffn_gate residual.{l}.mlp_branch.gate_lin.weight
ffn_up residual.{l}.mlp_branch.up_lin.weight
ffn_down residual.{l}.mlp_branch.down_lin.weight
bias weight bias
)"},
    {"sublayers", outside_kind::meaning, false, R"(
token_embd gpt.tokens.embedding
output_norm gpt.ln_last.gain
output gpt.lm_logits.matrix
attn_norm gpt.cell{l}.sublayer_attention.ln.gain
attn_q gpt.cell{l}.sublayer_attention.query.matrix
attn_k gpt.cell{l}.sublayer_attention.key.matrix
attn_v gpt.cell{l}.sublayer_attention.value.matrix
attn_output gpt.cell{l}.sublayer_attention.dense.matrix
ffn_norm gpt.cell{l}.sublayer_feedforward.ln.gain
ffn_gate gpt.cell{l}.sublayer_feedforward.gate.matrix
ffn_up gpt.cell{l}.sublayer_feedforward.intermediate.matrix
ffn_down gpt.cell{l}.sublayer_feedforward.dense.matrix
bias .matrix .bias
)"},
    {"rust_like", outside_kind::meaning, false, R"(
token_embd model_embed_tok
output_norm model_norm_out
output model_lm_head
attn_norm model_layer{l}_attn_norm_gamma
attn_q model_layer{l}_attn_q_linear
attn_k model_layer{l}_attn_k_linear
attn_v model_layer{l}_attn_v_linear
attn_output model_layer{l}_attn_o_linear
ffn_norm model_layer{l}_mlp_norm_gamma
ffn_gate model_layer{l}_mlp_gate_linear
ffn_up model_layer{l}_mlp_up_linear
ffn_down model_layer{l}_mlp_down_linear
ffn_gate_inp model_layer{l}_moe_router_linear
ffn_gate_exps model_layer{l}_moe_gate_linear_{e}
ffn_up_exps model_layer{l}_moe_up_linear_{e}
ffn_down_exps model_layer{l}_moe_down_linear_{e}
)"},
    {"dispatcher", outside_kind::meaning, false, R"(
token_embd encoder_side.token_vectors.weight
output_norm decoder_side.norm.weight
output decoder_side.token_scores.weight
attn_norm middle.{l}.norm_attention.weight
attn_q middle.{l}.attention.make_query.weight
attn_k middle.{l}.attention.make_key.weight
attn_v middle.{l}.attention.make_value.weight
attn_output middle.{l}.attention.finish.weight
ffn_norm middle.{l}.norm_feedforward.weight
ffn_gate middle.{l}.feedforward.make_gate.weight
ffn_up middle.{l}.feedforward.widen.weight
ffn_down middle.{l}.feedforward.narrow.weight
ffn_gate_inp middle.{l}.feedforward.dispatcher.weight
ffn_gate_exps middle.{l}.feedforward.specialist.{e}.make_gate.weight
ffn_up_exps middle.{l}.feedforward.specialist.{e}.widen.weight
ffn_down_exps middle.{l}.feedforward.specialist.{e}.narrow.weight
bias weight bias
)"},
    {"neox_ish", outside_kind::meaning, false, R"(
token_embd embed_in.weight
output_norm final_rmsnorm.weight
output lm_out.weight
attn_norm tr_layers.{l}.input_rmsnorm.weight
attn_q tr_layers.{l}.attention.qkv_linear.weight
attn_k tr_layers.{l}.attention.qkv_linear.weight
attn_v tr_layers.{l}.attention.qkv_linear.weight
attn_output tr_layers.{l}.attention.dense.weight
ffn_norm tr_layers.{l}.post_attention_rmsnorm.weight
ffn_gate tr_layers.{l}.mlp.gate_linear.weight
ffn_up tr_layers.{l}.mlp.h_to_4h.weight
ffn_down tr_layers.{l}.mlp.4h_to_h.weight
bias weight bias
)"},
    {"mha_in_proj", outside_kind::meaning, false, R"(
token_embd tok_embed.w
output_norm norm_final.w
output out_embed.w
attn_norm enc.{l}.norm1.w
attn_q enc.{l}.mha.in_proj_qkv.w
attn_k enc.{l}.mha.in_proj_qkv.w
attn_v enc.{l}.mha.in_proj_qkv.w
attn_output enc.{l}.mha.out_proj.w
ffn_norm enc.{l}.norm2.w
ffn_gate enc.{l}.swiglu.gate_up.w
ffn_up enc.{l}.swiglu.gate_up.w
ffn_down enc.{l}.swiglu.down.w
bias .w .b
)"},
    {"fused_kv", outside_kind::meaning, false, R"(
token_embd embedder.vocab.weight
output_norm final_scale_norm.weight
output unembedder.weight
attn_norm body.{l}.attn_prenorm.weight
attn_q body.{l}.attn.to_q.weight
attn_k body.{l}.attn.to_kv.weight
attn_v body.{l}.attn.to_kv.weight
attn_output body.{l}.attn.to_out.weight
ffn_norm body.{l}.ff_prenorm.weight
ffn_gate body.{l}.ff.to_gate.weight
ffn_up body.{l}.ff.to_hidden.weight
ffn_down body.{l}.ff.to_out.weight
bias weight bias
)"},
    {"tf_scopes", outside_kind::meaning, true, R"(
token_embd lm1b/emb/embedding_table
output_norm lm1b/final_norm/gamma
output lm1b/softmax/W
attn_norm lm1b/layer_{l}/self_attn/norm/gamma
attn_q lm1b/layer_{l}/self_attn/query_proj/W
attn_k lm1b/layer_{l}/self_attn/key_proj/W
attn_v lm1b/layer_{l}/self_attn/value_proj/W
attn_output lm1b/layer_{l}/self_attn/post_proj/W
ffn_norm lm1b/layer_{l}/ff_layer/norm/gamma
ffn_gate lm1b/layer_{l}/ff_layer/gate_proj/W
ffn_up lm1b/layer_{l}/ff_layer/input_proj/W
ffn_down lm1b/layer_{l}/ff_layer/output_proj/W
ffn_gate_inp lm1b/layer_{l}/ff_layer/gating/W
ffn_gate_exps lm1b/layer_{l}/ff_layer/experts_gate/W
ffn_up_exps lm1b/layer_{l}/ff_layer/experts_input/W
ffn_down_exps lm1b/layer_{l}/ff_layer/experts_output/W
bias /W /b
)"},
    {"databricks_ish", outside_kind::meaning, false, R"(
token_embd xf.wte.weight
output_norm xf.norm_f.weight
output head_lm.weight
attn_norm xf.units.{l}.norm_attn.norm.weight
attn_q xf.units.{l}.norm_attn.attn.Wqkv.weight
attn_k xf.units.{l}.norm_attn.attn.Wqkv.weight
attn_v xf.units.{l}.norm_attn.attn.Wqkv.weight
attn_output xf.units.{l}.norm_attn.attn.Wo.weight
ffn_norm xf.units.{l}.norm_ffn.norm.weight
ffn_gate xf.units.{l}.norm_ffn.ffn.gate.weight
ffn_up xf.units.{l}.norm_ffn.ffn.up.weight
ffn_down xf.units.{l}.norm_ffn.ffn.down.weight
ffn_gate_inp xf.units.{l}.norm_ffn.ffn.router.weight
ffn_gate_exps xf.units.{l}.norm_ffn.ffn.experts.gate.weight
ffn_up_exps xf.units.{l}.norm_ffn.ffn.experts.up.weight
ffn_down_exps xf.units.{l}.norm_ffn.ffn.experts.down.weight
bias weight bias
)"},
    {"long_words", outside_kind::meaning, false, R"(
token_embd vocabulary_embedding_matrix
output_norm output_normalization_scale
output output_vocabulary_matrix
attn_norm transformer_layer_{l}_attention_normalization_scale
attn_q transformer_layer_{l}_attention_query_matrix
attn_k transformer_layer_{l}_attention_key_matrix
attn_v transformer_layer_{l}_attention_value_matrix
attn_output transformer_layer_{l}_attention_output_matrix
ffn_norm transformer_layer_{l}_feed_forward_normalization_scale
ffn_gate transformer_layer_{l}_feed_forward_gate_matrix
ffn_up transformer_layer_{l}_feed_forward_up_matrix
ffn_down transformer_layer_{l}_feed_forward_down_matrix
ffn_gate_inp transformer_layer_{l}_feed_forward_expert_router_matrix
ffn_gate_exps transformer_layer_{l}_feed_forward_expert_{e}_gate_matrix
ffn_up_exps transformer_layer_{l}_feed_forward_expert_{e}_up_matrix
ffn_down_exps transformer_layer_{l}_feed_forward_expert_{e}_down_matrix
bias matrix bias
)"},
    {"short_snake", outside_kind::meaning, false, R"(
token_embd emb
output_norm nrm_out
output cls
attn_norm l{l}_nrm_a
attn_q l{l}_a_q
attn_k l{l}_a_k
attn_v l{l}_a_v
attn_output l{l}_a_o
ffn_norm l{l}_nrm_f
ffn_gate l{l}_f_gate
ffn_up l{l}_f_up
ffn_down l{l}_f_dn
)"},
    {"gqa_module", outside_kind::meaning, false, R"(
token_embd input.embedding.table
output_norm output.rms.scale
output output.logits.proj
attn_norm core.{l}.gqa.rms.scale
attn_q core.{l}.gqa.q.proj
attn_k core.{l}.gqa.k.proj
attn_v core.{l}.gqa.v.proj
attn_output core.{l}.gqa.o.proj
ffn_norm core.{l}.swiglu.rms.scale
ffn_gate core.{l}.swiglu.gate.proj
ffn_up core.{l}.swiglu.up.proj
ffn_down core.{l}.swiglu.down.proj
)"},
    {"ops_suffix", outside_kind::meaning, true, R"(
token_embd tokens_embedding_kernel
output_norm closing_ln_gamma
output logits_kernel
attn_norm unit{ll}_attn_ln_gamma
attn_q unit{ll}_attn_qproj_kernel
attn_k unit{ll}_attn_kproj_kernel
attn_v unit{ll}_attn_vproj_kernel
attn_output unit{ll}_attn_oproj_kernel
ffn_norm unit{ll}_mlp_ln_gamma
ffn_gate unit{ll}_mlp_gateproj_kernel
ffn_up unit{ll}_mlp_upproj_kernel
ffn_down unit{ll}_mlp_downproj_kernel
ffn_gate_inp unit{ll}_moe_router_kernel
ffn_gate_exps unit{ll}_moe_expert{e}_gateproj_kernel
ffn_up_exps unit{ll}_moe_expert{e}_upproj_kernel
ffn_down_exps unit{ll}_moe_expert{e}_downproj_kernel
bias kernel bias
)"},
    {"multihead", outside_kind::meaning, false, R"(
token_embd language.embed.weight
output_norm language.final_norm.weight
output language.predictor.weight
attn_norm language.step_{l}.multihead_norm.weight
attn_q language.step_{l}.multihead.queries.weight
attn_k language.step_{l}.multihead.keys.weight
attn_v language.step_{l}.multihead.values.weight
attn_output language.step_{l}.multihead.unify.weight
ffn_norm language.step_{l}.feed_norm.weight
ffn_gate language.step_{l}.feed.gate.weight
ffn_up language.step_{l}.feed.up.weight
ffn_down language.step_{l}.feed.down.weight
bias weight bias
)"},
    {"pos_norms", outside_kind::meaning, false, R"(
token_embd m.tok.weight
output_norm m.norm.weight
output m.out.weight
attn_norm m.b.{l}.n1.weight
attn_q m.b.{l}.a.q.weight
attn_k m.b.{l}.a.k.weight
attn_v m.b.{l}.a.v.weight
attn_output m.b.{l}.a.o.weight
ffn_norm m.b.{l}.n2.weight
ffn_gate m.b.{l}.f.g.weight
ffn_up m.b.{l}.f.u.weight
ffn_down m.b.{l}.f.d.weight
bias weight bias
)"},
    {"pre_post", outside_kind::meaning, false, R"(
token_embd decoder.tok_lookup.weight
output_norm decoder.post_norm.weight
output decoder.lm_linear.weight
attn_norm decoder.chain.{l}.norm_in.weight
attn_q decoder.chain.{l}.mix.q_weight
attn_k decoder.chain.{l}.mix.k_weight
attn_v decoder.chain.{l}.mix.v_weight
attn_output decoder.chain.{l}.mix.o_weight
ffn_norm decoder.chain.{l}.norm_mid.weight
ffn_gate decoder.chain.{l}.mlp.gate_weight
ffn_up decoder.chain.{l}.mlp.up_weight
ffn_down decoder.chain.{l}.mlp.down_weight
ffn_gate_inp decoder.chain.{l}.mlp.route_weight
ffn_gate_exps decoder.chain.{l}.mlp.bank.gate_weight
ffn_up_exps decoder.chain.{l}.mlp.bank.up_weight
ffn_down_exps decoder.chain.{l}.mlp.bank.down_weight
bias weight bias
)"},
    {"int8_prefix", outside_kind::meaning, false, R"(
token_embd weight.embedding.token
output_norm weight.norm.output
output weight.linear.lm_head
attn_norm weight.block{l}.norm.attention
attn_q weight.block{l}.linear.attention_q
attn_k weight.block{l}.linear.attention_k
attn_v weight.block{l}.linear.attention_v
attn_output weight.block{l}.linear.attention_out
ffn_norm weight.block{l}.norm.mlp
ffn_gate weight.block{l}.linear.mlp_gate
ffn_up weight.block{l}.linear.mlp_up
ffn_down weight.block{l}.linear.mlp_down
attn_q.bias bias.block{l}.linear.attention_q
attn_k.bias bias.block{l}.linear.attention_k
attn_v.bias bias.block{l}.linear.attention_v
attn_output.bias bias.block{l}.linear.attention_out
ffn_gate.bias bias.block{l}.linear.mlp_gate
ffn_up.bias bias.block{l}.linear.mlp_up
ffn_down.bias bias.block{l}.linear.mlp_down
)"},
    {"onnx_ish", outside_kind::meaning, true, R"(
token_embd /embed/Gather/weight
output_norm /final_norm/Mul/weight
output /lm_head/MatMul/weight
attn_norm /layers/{l}/attn_norm/Mul/weight
attn_q /layers/{l}/attn/q/MatMul/weight
attn_k /layers/{l}/attn/k/MatMul/weight
attn_v /layers/{l}/attn/v/MatMul/weight
attn_output /layers/{l}/attn/o/MatMul/weight
ffn_norm /layers/{l}/mlp_norm/Mul/weight
ffn_gate /layers/{l}/mlp/gate/MatMul/weight
ffn_up /layers/{l}/mlp/up/MatMul/weight
ffn_down /layers/{l}/mlp/down/MatMul/weight
attn_q.bias /layers/{l}/attn/q/Add/bias
attn_k.bias /layers/{l}/attn/k/Add/bias
attn_v.bias /layers/{l}/attn/v/Add/bias
attn_output.bias /layers/{l}/attn/o/Add/bias
ffn_gate.bias /layers/{l}/mlp/gate/Add/bias
ffn_up.bias /layers/{l}/mlp/up/Add/bias
ffn_down.bias /layers/{l}/mlp/down/Add/bias
)"},
    {"depth_prefix", outside_kind::meaning, false, R"(
token_embd tokens.weight
output_norm lastnorm.weight
output tokens_out.weight
attn_norm depth{ll}/attnnorm.weight
attn_q depth{ll}/attnquery.weight
attn_k depth{ll}/attnkey.weight
attn_v depth{ll}/attnvalue.weight
attn_output depth{ll}/attnout.weight
ffn_norm depth{ll}/mlpnorm.weight
ffn_gate depth{ll}/mlpgate.weight
ffn_up depth{ll}/mlpup.weight
ffn_down depth{ll}/mlpdown.weight
bias weight bias
)"},
    {"switch_like", outside_kind::meaning, false, R"(
token_embd embeddings.tokens.weight
output_norm top.norm.weight
output top.vocab.weight
attn_norm group.{l}.attn.in_norm.weight
attn_q group.{l}.attn.query.weight
attn_k group.{l}.attn.key.weight
attn_v group.{l}.attn.value.weight
attn_output group.{l}.attn.project.weight
ffn_norm group.{l}.ffn.in_norm.weight
ffn_gate group.{l}.ffn.gate_fc.weight
ffn_up group.{l}.ffn.up_fc.weight
ffn_down group.{l}.ffn.down_fc.weight
ffn_gate_inp group.{l}.ffn.switch.weight
ffn_gate_exps group.{l}.ffn.branch.{e}.gate_fc.weight
ffn_up_exps group.{l}.ffn.branch.{e}.up_fc.weight
ffn_down_exps group.{l}.ffn.branch.{e}.down_fc.weight
bias weight bias
)"},
    {"expert_outside", outside_kind::meaning, false, R"(
token_embd wte
output_norm ln_f
output lm_head
attn_norm ln_attn_{l}
attn_q q_{l}
attn_k k_{l}
attn_v v_{l}
attn_output o_{l}
ffn_norm ln_moe_{l}
ffn_gate gate_{l}
ffn_up up_{l}
ffn_down down_{l}
ffn_gate_inp router_{l}
ffn_gate_exps expert_{e}_gate_{l}
ffn_up_exps expert_{e}_up_{l}
ffn_down_exps expert_{e}_down_{l}
)"},
    {"activated", outside_kind::meaning, false, R"(
token_embd symbols.embedding.values
output_norm ending.rmsnorm.values
output symbols.scoring.values
attn_norm floors.{l}.attending.rmsnorm.values
attn_q floors.{l}.attending.q_transform.values
attn_k floors.{l}.attending.k_transform.values
attn_v floors.{l}.attending.v_transform.values
attn_output floors.{l}.attending.o_transform.values
ffn_norm floors.{l}.thinking.rmsnorm.values
ffn_gate floors.{l}.thinking.activated_transform.values
ffn_up floors.{l}.thinking.plain_transform.values
ffn_down floors.{l}.thinking.return_transform.values
)"},
    {"silu_mul", outside_kind::meaning, false, R"(
token_embd inp_embd.weight
output_norm fin_norm.weight
output out_logits.weight
attn_norm lay.{l}.att_norm.weight
attn_q lay.{l}.att.q_mat.weight
attn_k lay.{l}.att.k_mat.weight
attn_v lay.{l}.att.v_mat.weight
attn_output lay.{l}.att.o_mat.weight
ffn_norm lay.{l}.mlp_norm.weight
ffn_gate lay.{l}.mlp.silu_in.weight
ffn_up lay.{l}.mlp.mul_in.weight
ffn_down lay.{l}.mlp.out.weight
bias weight bias
)"},
    {"module_list", outside_kind::meaning, false, R"(
token_embd module.0.word_embeddings.weight
output_norm module.final.layernorm.weight
output module.final.lm_logits.weight
attn_norm module.blocks.{l}.ln_before_self_attention.weight
attn_q module.blocks.{l}.self_attention.linear_q.weight
attn_k module.blocks.{l}.self_attention.linear_k.weight
attn_v module.blocks.{l}.self_attention.linear_v.weight
attn_output module.blocks.{l}.self_attention.linear_out.weight
ffn_norm module.blocks.{l}.ln_before_mlp.weight
ffn_gate module.blocks.{l}.mlp.linear_gate.weight
ffn_up module.blocks.{l}.mlp.linear_up.weight
ffn_down module.blocks.{l}.mlp.linear_down.weight
ffn_gate_inp module.blocks.{l}.mlp.router.linear.weight
ffn_gate_exps module.blocks.{l}.mlp.local_experts.{e}.linear_gate.weight
ffn_up_exps module.blocks.{l}.mlp.local_experts.{e}.linear_up.weight
ffn_down_exps module.blocks.{l}.mlp.local_experts.{e}.linear_down.weight
bias weight bias
)"},
    {"upper", outside_kind::meaning, false, R"(
token_embd EMBED.TOK
output_norm FINAL.RMSNORM
output LMHEAD.W
attn_norm LAYER_{l}.ATTN.RMSNORM
attn_q LAYER_{l}.ATTN.WQ
attn_k LAYER_{l}.ATTN.WK
attn_v LAYER_{l}.ATTN.WV
attn_output LAYER_{l}.ATTN.WO
ffn_norm LAYER_{l}.FFN.RMSNORM
ffn_gate LAYER_{l}.FFN.WGATE
ffn_up LAYER_{l}.FFN.WUP
ffn_down LAYER_{l}.FFN.WDOWN
ffn_gate_inp LAYER_{l}.MOE.ROUTER
ffn_gate_exps LAYER_{l}.MOE.GATE
ffn_up_exps LAYER_{l}.MOE.UP
ffn_down_exps LAYER_{l}.MOE.DOWN
)"},
    {"one_based", outside_kind::meaning, false, R"(
token_embd word_vectors.weight
output_norm norm_at_end.weight
output predict_word.weight
attn_norm storey_{m}.norm_for_attention.weight
attn_q storey_{m}.attention_query.weight
attn_k storey_{m}.attention_key.weight
attn_v storey_{m}.attention_value.weight
attn_output storey_{m}.attention_result.weight
ffn_norm storey_{m}.norm_for_mlp.weight
ffn_gate storey_{m}.mlp_gate.weight
ffn_up storey_{m}.mlp_grow.weight
ffn_down storey_{m}.mlp_shrink.weight
bias weight bias
)"},
    {"mojo_like", outside_kind::meaning, false, R"(
token_embd text.embedding.weight
output_norm text.postnorm.weight
output text.unembedding.weight
attn_norm text.layer[{l}].attention_layernorm.weight
attn_q text.layer[{l}].attention.qkv.weight
attn_k text.layer[{l}].attention.qkv.weight
attn_v text.layer[{l}].attention.qkv.weight
attn_output text.layer[{l}].attention.o.weight
ffn_norm text.layer[{l}].mlp_layernorm.weight
ffn_gate text.layer[{l}].mlp.w13.weight
ffn_up text.layer[{l}].mlp.w13.weight
ffn_down text.layer[{l}].mlp.w2.weight
ffn_gate_inp text.layer[{l}].moe.gate.weight
ffn_gate_exps text.layer[{l}].moe.w13
ffn_up_exps text.layer[{l}].moe.w13
ffn_down_exps text.layer[{l}].moe.w2
bias weight bias
)"},
    {"attn_first_nested", outside_kind::meaning, false, R"(
token_embd params.embed.tok.arr
output_norm params.norm.arr
output params.lm_head.arr
attn_norm params.layers.norm_att.{l}.arr
attn_q params.layers.att.q.{l}.arr
attn_k params.layers.att.k.{l}.arr
attn_v params.layers.att.v.{l}.arr
attn_output params.layers.att.proj.{l}.arr
ffn_norm params.layers.norm_mlp.{l}.arr
ffn_gate params.layers.mlp.gate.{l}.arr
ffn_up params.layers.mlp.up.{l}.arr
ffn_down params.layers.mlp.down.{l}.arr
ffn_gate_inp params.layers.mlp.router.{l}.arr
ffn_gate_exps params.layers.mlp.experts.gate.{l}.{e}.arr
ffn_up_exps params.layers.mlp.experts.up.{l}.{e}.arr
ffn_down_exps params.layers.mlp.experts.down.{l}.{e}.arr
)"},
    {"german", outside_kind::meaning, false, R"(
token_embd modell.token_einbettung.gewicht
output_norm modell.norm_ende.gewicht
output modell.lm_kopf.gewicht
attn_norm modell.schicht.{l}.attention_norm.gewicht
attn_q modell.schicht.{l}.attention.query.gewicht
attn_k modell.schicht.{l}.attention.key.gewicht
attn_v modell.schicht.{l}.attention.value.gewicht
attn_output modell.schicht.{l}.attention.output.gewicht
ffn_norm modell.schicht.{l}.mlp_norm.gewicht
ffn_gate modell.schicht.{l}.mlp.gate.gewicht
ffn_up modell.schicht.{l}.mlp.up.gewicht
ffn_down modell.schicht.{l}.mlp.down.gewicht
)"},
    {"expert_word_order", outside_kind::meaning, true, R"(
token_embd embed_tokens_table
output_norm norm_before_head
output head_matrix
attn_norm layer{l}/norm_before_attn
attn_q layer{l}/attn_q_matrix
attn_k layer{l}/attn_k_matrix
attn_v layer{l}/attn_v_matrix
attn_output layer{l}/attn_out_matrix
ffn_norm layer{l}/norm_before_ffn
ffn_gate layer{l}/ffn_gate_matrix
ffn_up layer{l}/ffn_up_matrix
ffn_down layer{l}/ffn_down_matrix
ffn_gate_inp layer{l}/choose_expert_matrix
ffn_gate_exps layer{l}/expert{e}_gate_matrix
ffn_up_exps layer{l}/expert{e}_up_matrix
ffn_down_exps layer{l}/expert{e}_down_matrix
bias matrix bias
)"},
    // ---- none ----------------------------------------------------------------------------------
    {"x_numbers", outside_kind::none, false, R"(
token_embd x{n}
output_norm x{n}
output x{n}
attn_norm x{n}
attn_q x{n}
attn_k x{n}
attn_v x{n}
attn_output x{n}
ffn_norm x{n}
ffn_gate x{n}
ffn_up x{n}
ffn_down x{n}
ffn_gate_inp x{n}
ffn_gate_exps x{n}
ffn_up_exps x{n}
ffn_down_exps x{n}
attn_q.bias x{n}
attn_k.bias x{n}
attn_v.bias x{n}
attn_output.bias x{n}
ffn_gate.bias x{n}
ffn_up.bias x{n}
ffn_down.bias x{n}
)"},
    {"t_padded", outside_kind::none, false, R"(
ffn_down t_{nnn}
attn_v t_{nnn}
ffn_norm t_{nnn}
attn_q t_{nnn}
ffn_gate t_{nnn}
output t_{nnn}
attn_k t_{nnn}
attn_norm t_{nnn}
ffn_up t_{nnn}
attn_output t_{nnn}
output_norm t_{nnn}
token_embd t_{nnn}
ffn_gate_inp t_{nnn}
ffn_down_exps t_{nnn}
ffn_up_exps t_{nnn}
ffn_gate_exps t_{nnn}
)"},
    {"hashes", outside_kind::none, false, R"(
token_embd blob-{h}
output_norm blob-{h}
output blob-{h}
attn_norm blob-{h}
attn_q blob-{h}
attn_k blob-{h}
attn_v blob-{h}
attn_output blob-{h}
ffn_norm blob-{h}
ffn_gate blob-{h}
ffn_up blob-{h}
ffn_down blob-{h}
ffn_gate_inp blob-{h}
ffn_gate_exps blob-{h}
ffn_up_exps blob-{h}
ffn_down_exps blob-{h}
)"},
    {"letters", outside_kind::none, false, R"(
token_embd aa
output_norm bb
output cc
attn_norm z.{l}.r
attn_q z.{l}.t
attn_k z.{l}.m
attn_v z.{l}.s
attn_output z.{l}.j
ffn_norm z.{l}.c
ffn_gate z.{l}.y
ffn_up z.{l}.i
ffn_down z.{l}.x
ffn_gate_inp z.{l}.f
ffn_gate_exps z.{l}.e{e}.y
ffn_up_exps z.{l}.e{e}.i
ffn_down_exps z.{l}.e{e}.x
)"},
    {"param_numbers", outside_kind::none, false, R"(
token_embd parameters.0
output_norm parameters.1
output parameters.2
ffn_norm stage{l}.parameters.0
attn_norm stage{l}.parameters.1
ffn_up stage{l}.parameters.2
ffn_gate stage{l}.parameters.3
ffn_down stage{l}.parameters.4
attn_output stage{l}.parameters.5
attn_v stage{l}.parameters.6
attn_k stage{l}.parameters.7
attn_q stage{l}.parameters.8
attn_output.bias stage{l}.parameters.9
attn_v.bias stage{l}.parameters.10
attn_k.bias stage{l}.parameters.11
attn_q.bias stage{l}.parameters.12
ffn_up.bias stage{l}.parameters.13
ffn_gate.bias stage{l}.parameters.14
ffn_down.bias stage{l}.parameters.15
)"},
    {"fruits", outside_kind::none, false, R"(
token_embd basket.apple
output_norm basket.plum
output basket.pear
attn_norm tree.{l}.fig
attn_q tree.{l}.lime
attn_k tree.{l}.date
attn_v tree.{l}.lemon
attn_output tree.{l}.cherry
ffn_norm tree.{l}.olive
ffn_gate tree.{l}.melon
ffn_up tree.{l}.mango
ffn_down tree.{l}.banana
ffn_gate_inp tree.{l}.grape
ffn_gate_exps tree.{l}.melon.{e}
ffn_up_exps tree.{l}.mango.{e}
ffn_down_exps tree.{l}.banana.{e}
)"},
    // ---- misleading ----------------------------------------------------------------------------
    {"linears", outside_kind::misleading, false, R"(
token_embd linear0.weight
output_norm norm0.weight
output linear9.weight
attn_norm block.{l}.norm2.weight
attn_q block.{l}.linear3.weight
attn_k block.{l}.linear2.weight
attn_v block.{l}.linear1.weight
attn_output block.{l}.linear4.weight
ffn_norm block.{l}.norm1.weight
ffn_gate block.{l}.linear7.weight
ffn_up block.{l}.linear5.weight
ffn_down block.{l}.linear6.weight
bias weight bias
)"},
    {"keras_auto", outside_kind::misleading, true, R"(
token_embd embedding/table
output_norm rms_norm_99/scale
output dense_99/kernel
attn_norm layer_{l}/rms_norm/scale
attn_v layer_{l}/dense/kernel
attn_q layer_{l}/dense_1/kernel
attn_k layer_{l}/dense_2/kernel
attn_output layer_{l}/dense_3/kernel
ffn_norm layer_{l}/rms_norm_1/scale
ffn_up layer_{l}/dense_4/kernel
ffn_gate layer_{l}/dense_5/kernel
ffn_down layer_{l}/dense_6/kernel
bias kernel bias
)"},
    {"projs", outside_kind::misleading, false, R"(
token_embd model.in_proj
output_norm model.norm
output model.out_proj
attn_norm model.layers.{l}.norm_b
attn_q model.layers.{l}.proj_c
attn_k model.layers.{l}.proj_b
attn_v model.layers.{l}.proj_a
attn_output model.layers.{l}.proj
ffn_norm model.layers.{l}.norm_a
ffn_gate model.layers.{l}.in_proj_b
ffn_up model.layers.{l}.in_proj_a
ffn_down model.layers.{l}.out_proj
)"},
    // The order of xFormers: w3 goes down. The shapes contradict who thinks of Llama's.
    {"xformers_order", outside_kind::misleading, false, R"(
token_embd embed.weight
output_norm norm.weight
output head.weight
attn_norm blocks.{l}.norm1.weight
attn_q blocks.{l}.attn.qkv.weight
attn_k blocks.{l}.attn.qkv.weight
attn_v blocks.{l}.attn.qkv.weight
attn_output blocks.{l}.attn.proj.weight
ffn_norm blocks.{l}.norm2.weight
ffn_gate blocks.{l}.mlp.w1.weight
ffn_up blocks.{l}.mlp.w2.weight
ffn_down blocks.{l}.mlp.w3.weight
bias weight bias
)"},
    // As in GPT-2's c_fc and c_proj; the gate came later.
    {"conv1d", outside_kind::misleading, true, R"(
token_embd tr.wte.weight
output_norm tr.ln_f.weight
output tr.dense.weight
attn_norm tr.h.{l}.ln_1.weight
attn_q tr.h.{l}.attn.c_attn.weight
attn_k tr.h.{l}.attn.c_attn.weight
attn_v tr.h.{l}.attn.c_attn.weight
attn_output tr.h.{l}.attn.c_proj.weight
ffn_norm tr.h.{l}.ln_2.weight
ffn_up tr.h.{l}.mlp.c_fc.weight
ffn_gate tr.h.{l}.mlp.c_fc2.weight
ffn_down tr.h.{l}.mlp.c_proj.weight
bias weight bias
)"},
    {"generic_experts", outside_kind::misleading, false, R"(
token_embd io.first.weight
output_norm io.middle.weight
output io.last.weight
attn_norm part.{l}.scale_b.weight
attn_q part.{l}.attn.fc_b.weight
attn_k part.{l}.attn.fc_d.weight
attn_v part.{l}.attn.fc_a.weight
attn_output part.{l}.attn.fc_c.weight
ffn_norm part.{l}.scale_a.weight
ffn_gate part.{l}.mlp.fc_b.weight
ffn_up part.{l}.mlp.fc_a.weight
ffn_down part.{l}.mlp.fc_c.weight
ffn_gate_inp part.{l}.mlp.dense.weight
ffn_gate_exps part.{l}.mlp.{e}.fc_b.weight
ffn_up_exps part.{l}.mlp.{e}.fc_a.weight
ffn_down_exps part.{l}.mlp.{e}.fc_c.weight
bias weight bias
)"},
};

}  // namespace test

#endif  // AKA_TEST_OUTSIDE_VOCABULARIES_HPP
