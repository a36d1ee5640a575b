// Spellings of a Llama-family model as code bases of many kinds have them or might: written before
// any look at the words that the inference knows, and kept out of sight while it was worked on. The
// format is that of outside_vocabularies.hpp. Not to be changed to suit the inference.
#ifndef AKA_TEST_UNSEEN_VOCABULARIES_HPP
#define AKA_TEST_UNSEEN_VOCABULARIES_HPP

#include "outside_vocabularies.hpp"

namespace test {

inline constexpr outside_vocabulary unseen_vocabularies[] = {
    {"haiku", outside_kind::meaning, true, R"(
token_embd lm/~/embed/embeddings
output_norm lm/~/final_rms/scale
output lm/~/logits/w
attn_norm lm/~/layer_{l}/~/attn_rms/scale
attn_q lm/~/layer_{l}/~/attn/query/w
attn_k lm/~/layer_{l}/~/attn/key/w
attn_v lm/~/layer_{l}/~/attn/value/w
attn_output lm/~/layer_{l}/~/attn/linear_out/w
ffn_norm lm/~/layer_{l}/~/ffn_rms/scale
ffn_gate lm/~/layer_{l}/~/ffn/gate/w
ffn_up lm/~/layer_{l}/~/ffn/up/w
ffn_down lm/~/layer_{l}/~/ffn/down/w
ffn_gate_inp lm/~/layer_{l}/~/moe/router/w
ffn_gate_exps lm/~/layer_{l}/~/moe/expert_{e}/gate/w
ffn_up_exps lm/~/layer_{l}/~/moe/expert_{e}/up/w
ffn_down_exps lm/~/layer_{l}/~/moe/expert_{e}/down/w
bias /w /b
)"},
    {"linen", outside_kind::meaning, true, R"(
token_embd params/token_embedder/embedding
output_norm params/decoder/decoder_norm/scale
output params/decoder/logits_dense/kernel
attn_norm params/decoder/layers_{l}/pre_self_attention_layer_norm/scale
attn_q params/decoder/layers_{l}/self_attention/query/kernel
attn_k params/decoder/layers_{l}/self_attention/key/kernel
attn_v params/decoder/layers_{l}/self_attention/value/kernel
attn_output params/decoder/layers_{l}/self_attention/out/kernel
ffn_norm params/decoder/layers_{l}/post_self_attention_layer_norm/scale
ffn_gate params/decoder/layers_{l}/mlp/wi_0/kernel
ffn_up params/decoder/layers_{l}/mlp/wi_1/kernel
ffn_down params/decoder/layers_{l}/mlp/wo/kernel
ffn_gate_inp params/decoder/layers_{l}/MoeBlock/gate/kernel
ffn_gate_exps params/decoder/layers_{l}/MoeBlock/wi_0
ffn_up_exps params/decoder/layers_{l}/MoeBlock/wi_1
ffn_down_exps params/decoder/layers_{l}/MoeBlock/wo
bias /kernel /bias
)"},
    {"keras_blocks", outside_kind::meaning, true, R"(
token_embd decoder/token_embedding/embeddings:0
output_norm decoder/final_rms/gamma:0
output decoder/vocab_dense/kernel:0
attn_norm decoder/block_{m}/rms_attn/gamma:0
attn_q decoder/block_{m}/attn/dense_query/kernel:0
attn_k decoder/block_{m}/attn/dense_key/kernel:0
attn_v decoder/block_{m}/attn/dense_value/kernel:0
attn_output decoder/block_{m}/attn/dense_out/kernel:0
ffn_norm decoder/block_{m}/rms_mlp/gamma:0
ffn_gate decoder/block_{m}/mlp/dense_gate/kernel:0
ffn_up decoder/block_{m}/mlp/dense_up/kernel:0
ffn_down decoder/block_{m}/mlp/dense_down/kernel:0
bias kernel:0 bias:0
)"},
    {"keras_hub", outside_kind::meaning, true, R"(
token_embd token_embedding/embeddings
output_norm sequence_output_layernorm/scale
output token_embedding/reverse_embeddings
attn_norm transformer_layer_{l}/self_attention_layernorm/scale
attn_q transformer_layer_{l}/self_attention/query/kernel
attn_k transformer_layer_{l}/self_attention/key/kernel
attn_v transformer_layer_{l}/self_attention/value/kernel
attn_output transformer_layer_{l}/self_attention/attention_output/kernel
ffn_norm transformer_layer_{l}/feedforward_layernorm/scale
ffn_gate transformer_layer_{l}/feedforward_gate_dense/kernel
ffn_up transformer_layer_{l}/feedforward_intermediate_dense/kernel
ffn_down transformer_layer_{l}/feedforward_output_dense/kernel
bias kernel bias
)"},
    {"rust_lit", outside_kind::meaning, false, R"(
token_embd wte.weight
output_norm ln_f.scale
output lm_head.weight
attn_norm blocks.{l}.rms_1.scale
attn_q blocks.{l}.attn.wq.weight
attn_k blocks.{l}.attn.wk.weight
attn_v blocks.{l}.attn.wv.weight
attn_output blocks.{l}.attn.c_proj.weight
ffn_norm blocks.{l}.rms_2.scale
ffn_gate blocks.{l}.mlp.c_fc1.weight
ffn_up blocks.{l}.mlp.c_fc2.weight
ffn_down blocks.{l}.mlp.c_proj.weight
bias .weight .bias
)"},
    {"go_fields", outside_kind::meaning, false, R"(
token_embd Model.TokenEmbedding.Weight
output_norm Model.OutputNorm.Weight
output Model.Output.Weight
attn_norm Model.Layers[{l}].AttentionNorm.Weight
attn_q Model.Layers[{l}].Attention.QueryProjection.Weight
attn_k Model.Layers[{l}].Attention.KeyProjection.Weight
attn_v Model.Layers[{l}].Attention.ValueProjection.Weight
attn_output Model.Layers[{l}].Attention.OutputProjection.Weight
ffn_norm Model.Layers[{l}].MLPNorm.Weight
ffn_gate Model.Layers[{l}].MLP.Gate.Weight
ffn_up Model.Layers[{l}].MLP.Up.Weight
ffn_down Model.Layers[{l}].MLP.Down.Weight
ffn_gate_inp Model.Layers[{l}].MoE.Router.Weight
ffn_gate_exps Model.Layers[{l}].MoE.Experts[{e}].Gate.Weight
ffn_up_exps Model.Layers[{l}].MoE.Experts[{e}].Up.Weight
ffn_down_exps Model.Layers[{l}].MoE.Experts[{e}].Down.Weight
bias .Weight .Bias
)"},
    {"run_c", outside_kind::meaning, false, R"(
token_embd token_embedding_table
output_norm rms_final_weight
output wcls
attn_norm layers[{l}].rms_att_weight
attn_q layers[{l}].wq
attn_k layers[{l}].wk
attn_v layers[{l}].wv
attn_output layers[{l}].wo
ffn_norm layers[{l}].rms_ffn_weight
ffn_gate layers[{l}].w1
ffn_up layers[{l}].w3
ffn_down layers[{l}].w2
)"},
    {"mp_encoder", outside_kind::meaning, false, R"(
token_embd language_model.embedding.word_embeddings.weight
output_norm language_model.encoder.final_layernorm.weight
output language_model.output_layer.weight
attn_norm language_model.encoder.layers.{l}.input_layernorm.weight
attn_q language_model.encoder.layers.{l}.attention.query_key_value.weight
attn_k language_model.encoder.layers.{l}.attention.query_key_value.weight
attn_v language_model.encoder.layers.{l}.attention.query_key_value.weight
attn_output language_model.encoder.layers.{l}.attention.dense.weight
ffn_norm language_model.encoder.layers.{l}.post_attention_layernorm.weight
ffn_gate language_model.encoder.layers.{l}.mlp.dense_h_to_4h.weight
ffn_up language_model.encoder.layers.{l}.mlp.dense_h_to_4h.weight
ffn_down language_model.encoder.layers.{l}.mlp.dense_4h_to_h.weight
bias .weight .bias
)"},
    {"paddle_fused", outside_kind::meaning, false, R"(
token_embd embeddings.weight
output_norm final_norm.scale
output head.weight
attn_norm fusedblock.{l}.ln_scale
attn_q fusedblock.{l}.qkv_weight
attn_k fusedblock.{l}.qkv_weight
attn_v fusedblock.{l}.qkv_weight
attn_output fusedblock.{l}.linear_weight
ffn_norm fusedblock.{l}.ffn_ln_scale
ffn_gate fusedblock.{l}.ffn1_weight
ffn_up fusedblock.{l}.ffn1_weight
ffn_down fusedblock.{l}.ffn2_weight
bias _weight _bias
)"},
    {"onnx_graph", outside_kind::meaning, true, R"(
token_embd /model/embed_tokens/Gather.weight
output_norm /model/norm_final/RMSNorm.weight
output /lm_head/MatMul.weight
attn_norm /model/layers.{l}/input_norm/RMSNorm.weight
attn_q /model/layers.{l}/attn/q_proj/MatMul.weight
attn_k /model/layers.{l}/attn/k_proj/MatMul.weight
attn_v /model/layers.{l}/attn/v_proj/MatMul.weight
attn_output /model/layers.{l}/attn/o_proj/MatMul.weight
ffn_norm /model/layers.{l}/post_attn_norm/RMSNorm.weight
ffn_gate /model/layers.{l}/mlp/gate_proj/MatMul.weight
ffn_up /model/layers.{l}/mlp/up_proj/MatMul.weight
ffn_down /model/layers.{l}/mlp/down_proj/MatMul.weight
bias MatMul.weight Add.bias
)"},
    {"coreml_flat", outside_kind::meaning, false, R"(
token_embd embedding_weights
output_norm output_norm_weights
output classifier_weights
attn_norm layer_{ll}_attention_prenorm_weights
attn_q layer_{ll}_attention_query_weights
attn_k layer_{ll}_attention_key_weights
attn_v layer_{ll}_attention_value_weights
attn_output layer_{ll}_attention_projection_weights
ffn_norm layer_{ll}_mlp_prenorm_weights
ffn_gate layer_{ll}_mlp_gate_weights
ffn_up layer_{ll}_mlp_up_weights
ffn_down layer_{ll}_mlp_down_weights
bias _weights _biases
)"},
    {"mesh_blocks", outside_kind::meaning, true, R"(
token_embd shared/embedding
output_norm decoder/rms_norm/scale
output decoder/logits/kernel
attn_norm decoder/block_{lll}/layer_000/rms_norm/scale
attn_q decoder/block_{lll}/layer_000/SelfAttention/q
attn_k decoder/block_{lll}/layer_000/SelfAttention/k
attn_v decoder/block_{lll}/layer_000/SelfAttention/v
attn_output decoder/block_{lll}/layer_000/SelfAttention/o
ffn_norm decoder/block_{lll}/layer_001/rms_norm/scale
ffn_gate decoder/block_{lll}/layer_001/DenseReluDense/wi_0/kernel
ffn_up decoder/block_{lll}/layer_001/DenseReluDense/wi_1/kernel
ffn_down decoder/block_{lll}/layer_001/DenseReluDense/wo/kernel
)"},
    {"java_dashes", outside_kind::meaning, false, R"(
token_embd embedding-W
output_norm final-norm-G
output lm-output-W
attn_norm decoder-layer-{m}-attention-norm-G
attn_q decoder-layer-{m}-attention-q-W
attn_k decoder-layer-{m}-attention-k-W
attn_v decoder-layer-{m}-attention-v-W
attn_output decoder-layer-{m}-attention-o-W
ffn_norm decoder-layer-{m}-feedforward-norm-G
ffn_gate decoder-layer-{m}-feedforward-gate-W
ffn_up decoder-layer-{m}-feedforward-up-W
ffn_down decoder-layer-{m}-feedforward-down-W
bias -W -B
)"},
    {"csharp_private", outside_kind::meaning, false, R"(
token_embd _tokenEmbeddings
output_norm _finalNormGain
output _vocabProjection
attn_norm _decoderLayers_{l}_attentionNormGain
attn_q _decoderLayers_{l}_selfAttention_queryWeights
attn_k _decoderLayers_{l}_selfAttention_keyWeights
attn_v _decoderLayers_{l}_selfAttention_valueWeights
attn_output _decoderLayers_{l}_selfAttention_outputWeights
ffn_norm _decoderLayers_{l}_feedForwardNormGain
ffn_gate _decoderLayers_{l}_feedForward_gateWeights
ffn_up _decoderLayers_{l}_feedForward_upWeights
ffn_down _decoderLayers_{l}_feedForward_downWeights
ffn_gate_inp _decoderLayers_{l}_mixture_routerWeights
ffn_gate_exps _decoderLayers_{l}_mixture_expert_{e}_gateWeights
ffn_up_exps _decoderLayers_{l}_mixture_expert_{e}_upWeights
ffn_down_exps _decoderLayers_{l}_mixture_expert_{e}_downWeights
bias Weights Biases
)"},
    {"julia_index", outside_kind::meaning, true, R"(
token_embd embed.weight
output_norm norm.scale
output unembed.weight
attn_norm blocks[{m}].attention.norm.scale
attn_q blocks[{m}].attention.Wq
attn_k blocks[{m}].attention.Wk
attn_v blocks[{m}].attention.Wv
attn_output blocks[{m}].attention.Wo
ffn_norm blocks[{m}].ffn.norm.scale
ffn_gate blocks[{m}].ffn.Wgate
ffn_up blocks[{m}].ffn.Wup
ffn_down blocks[{m}].ffn.Wdown
attn_q.bias blocks[{m}].attention.bq
attn_k.bias blocks[{m}].attention.bk
attn_v.bias blocks[{m}].attention.bv
attn_output.bias blocks[{m}].attention.bo
ffn_gate.bias blocks[{m}].ffn.bgate
ffn_up.bias blocks[{m}].ffn.bup
ffn_down.bias blocks[{m}].ffn.bdown
)"},
    {"fortran_upper", outside_kind::meaning, true, R"(
token_embd EMBTAB
output_norm FINNRM
output VOCOUT
attn_norm LAYER{mm}_ATTNRM
attn_q LAYER{mm}_ATT_WQ
attn_k LAYER{mm}_ATT_WK
attn_v LAYER{mm}_ATT_WV
attn_output LAYER{mm}_ATT_WO
ffn_norm LAYER{mm}_FFNNRM
ffn_gate LAYER{mm}_FFN_WGATE
ffn_up LAYER{mm}_FFN_WUP
ffn_down LAYER{mm}_FFN_WDOWN
)"},
    {"lua_tables", outside_kind::meaning, false, R"(
token_embd embed
output_norm outnorm
output out
attn_norm layer{m}.attn.norm
attn_q layer{m}.attn.q
attn_k layer{m}.attn.k
attn_v layer{m}.attn.v
attn_output layer{m}.attn.o
ffn_norm layer{m}.ff.norm
ffn_gate layer{m}.ff.gate
ffn_up layer{m}.ff.up
ffn_down layer{m}.ff.down
ffn_gate_inp layer{m}.ff.router
ffn_gate_exps layer{m}.ff.expert{f}.gate
ffn_up_exps layer{m}.ff.expert{f}.up
ffn_down_exps layer{m}.ff.expert{f}.down
)"},
    {"swift_camel", outside_kind::meaning, false, R"(
token_embd tokenEmbeddings.weight
output_norm finalNorm.weight
output languageModelingHead.weight
attn_norm transformerBlocks.{l}.attentionNorm.weight
attn_q transformerBlocks.{l}.attention.queryProj.weight
attn_k transformerBlocks.{l}.attention.keyProj.weight
attn_v transformerBlocks.{l}.attention.valueProj.weight
attn_output transformerBlocks.{l}.attention.outProj.weight
ffn_norm transformerBlocks.{l}.feedForwardNorm.weight
ffn_gate transformerBlocks.{l}.feedForward.gateProj.weight
ffn_up transformerBlocks.{l}.feedForward.upProj.weight
ffn_down transformerBlocks.{l}.feedForward.downProj.weight
ffn_gate_inp transformerBlocks.{l}.sparseMoe.gate.weight
ffn_gate_exps transformerBlocks.{l}.sparseMoe.switchGLU.gateProj.weight
ffn_up_exps transformerBlocks.{l}.sparseMoe.switchGLU.upProj.weight
ffn_down_exps transformerBlocks.{l}.sparseMoe.switchGLU.downProj.weight
bias weight bias
)"},
    {"zig_w", outside_kind::meaning, false, R"(
token_embd tok_emb_w
output_norm out_norm_w
output lm_w
attn_norm block_{ll}.attn.norm_w
attn_q block_{ll}.attn.q_w
attn_k block_{ll}.attn.k_w
attn_v block_{ll}.attn.v_w
attn_output block_{ll}.attn.o_w
ffn_norm block_{ll}.mlp.norm_w
ffn_gate block_{ll}.mlp.g_w
ffn_up block_{ll}.mlp.u_w
ffn_down block_{ll}.mlp.d_w
bias _w _b
)"},
    {"kv_pair", outside_kind::meaning, false, R"(
token_embd text.vocab_embed.weight
output_norm text.final_norm.weight
output text.vocab_out.weight
attn_norm text.h.{l}.pre_attn_norm.weight
attn_q text.h.{l}.xattn.q.weight
attn_k text.h.{l}.xattn.kv.weight
attn_v text.h.{l}.xattn.kv.weight
attn_output text.h.{l}.xattn.proj.weight
ffn_norm text.h.{l}.pre_mlp_norm.weight
ffn_gate text.h.{l}.mlp.gate_up.weight
ffn_up text.h.{l}.mlp.gate_up.weight
ffn_down text.h.{l}.mlp.down.weight
bias .weight .bias
)"},
    {"kebab", outside_kind::meaning, false, R"(
token_embd input-embedding.weight
output_norm final-layer-norm.weight
output output-embedding.weight
attn_norm decoder.layer-{l}.pre-attention-layer-norm.weight
attn_q decoder.layer-{l}.self-attention.query-proj.weight
attn_k decoder.layer-{l}.self-attention.key-proj.weight
attn_v decoder.layer-{l}.self-attention.value-proj.weight
attn_output decoder.layer-{l}.self-attention.output-proj.weight
ffn_norm decoder.layer-{l}.pre-feed-forward-layer-norm.weight
ffn_gate decoder.layer-{l}.feed-forward.gate-proj.weight
ffn_up decoder.layer-{l}.feed-forward.up-proj.weight
ffn_down decoder.layer-{l}.feed-forward.down-proj.weight
ffn_gate_inp decoder.layer-{l}.mixture-of-experts.router.weight
ffn_gate_exps decoder.layer-{l}.mixture-of-experts.expert-{e}.gate-proj.weight
ffn_up_exps decoder.layer-{l}.mixture-of-experts.expert-{e}.up-proj.weight
ffn_down_exps decoder.layer-{l}.mixture-of-experts.expert-{e}.down-proj.weight
bias .weight .bias
)"},
    {"pax", outside_kind::meaning, true, R"(
token_embd params.lm.softmax.embedding.emb_var
output_norm params.lm.final_ln.scale
output params.lm.softmax.logits_ffn.linear.w
attn_norm params.lm.transformer.x_layers_{l}.layer_norm.scale
attn_q params.lm.transformer.x_layers_{l}.self_attention.query.w
attn_k params.lm.transformer.x_layers_{l}.self_attention.key.w
attn_v params.lm.transformer.x_layers_{l}.self_attention.value.w
attn_output params.lm.transformer.x_layers_{l}.self_attention.post.w
ffn_norm params.lm.transformer.x_layers_{l}.ff_layer.layer_norm.scale
ffn_gate params.lm.transformer.x_layers_{l}.ff_layer.ffn_layer1_gate.linear.w
ffn_up params.lm.transformer.x_layers_{l}.ff_layer.ffn_layer1.linear.w
ffn_down params.lm.transformer.x_layers_{l}.ff_layer.ffn_layer2.linear.w
bias .w .b
)"},
    {"seq_decoder", outside_kind::meaning, false, R"(
token_embd decoder.embed_tokens.weight
output_norm decoder.layer_norm.weight
output decoder.output_projection.weight
attn_norm decoder.layers.{l}.self_attn_layer_norm.weight
attn_q decoder.layers.{l}.self_attn.q_proj.weight
attn_k decoder.layers.{l}.self_attn.k_proj.weight
attn_v decoder.layers.{l}.self_attn.v_proj.weight
attn_output decoder.layers.{l}.self_attn.out_proj.weight
ffn_norm decoder.layers.{l}.final_layer_norm.weight
ffn_gate decoder.layers.{l}.fc_gate.weight
ffn_up decoder.layers.{l}.fc1.weight
ffn_down decoder.layers.{l}.fc2.weight
bias .weight .bias
)"},
    {"att_proj", outside_kind::meaning, false, R"(
token_embd gpt.wte.weight
output_norm gpt.ln_f.weight
output gpt.ff_out.weight
attn_norm gpt.blocks.{l}.attn_norm.weight
attn_q gpt.blocks.{l}.att_proj.weight
attn_k gpt.blocks.{l}.att_proj.weight
attn_v gpt.blocks.{l}.att_proj.weight
attn_output gpt.blocks.{l}.attn_out.weight
ffn_norm gpt.blocks.{l}.ff_norm.weight
ffn_gate gpt.blocks.{l}.ff_proj.weight
ffn_up gpt.blocks.{l}.ff_proj.weight
ffn_down gpt.blocks.{l}.ff_out.weight
bias .weight .bias
)"},
    {"w12", outside_kind::meaning, false, R"(
token_embd embed.weight
output_norm norm.weight
output head.weight
attn_norm blocks.{l}.norm1.weight
attn_q blocks.{l}.attn.in_proj.weight
attn_k blocks.{l}.attn.in_proj.weight
attn_v blocks.{l}.attn.in_proj.weight
attn_output blocks.{l}.attn.out_proj.weight
ffn_norm blocks.{l}.norm2.weight
ffn_gate blocks.{l}.mlp.w12.weight
ffn_up blocks.{l}.mlp.w12.weight
ffn_down blocks.{l}.mlp.w3.weight
bias .weight .bias
)"},
    {"nano", outside_kind::meaning, true, R"(
token_embd wte
output_norm ln_f
output lm_head
attn_norm h{l}/ln_1
attn_q h{l}/attn/c_attn
attn_k h{l}/attn/c_attn
attn_v h{l}/attn/c_attn
attn_output h{l}/attn/c_proj
ffn_norm h{l}/ln_2
ffn_gate h{l}/mlp/c_gate
ffn_up h{l}/mlp/c_fc
ffn_down h{l}/mlp/c_proj
)"},
    {"moe_tree", outside_kind::meaning, true, R"(
token_embd transformer/embedder/table
output_norm transformer/final_norm/scale
output transformer/unembedder/table
attn_norm transformer/stack/layer_{l}/pre_attention_norm/scale
attn_q transformer/stack/layer_{l}/attention/q/kernel
attn_k transformer/stack/layer_{l}/attention/k/kernel
attn_v transformer/stack/layer_{l}/attention/v/kernel
attn_output transformer/stack/layer_{l}/attention/out/kernel
ffn_norm transformer/stack/layer_{l}/pre_ffw_norm/scale
ffn_gate transformer/stack/layer_{l}/ffw/gate/kernel
ffn_up transformer/stack/layer_{l}/ffw/up/kernel
ffn_down transformer/stack/layer_{l}/ffw/down/kernel
ffn_gate_inp transformer/stack/layer_{l}/moe/router/kernel
ffn_gate_exps transformer/stack/layer_{l}/moe/experts/wi_gate
ffn_up_exps transformer/stack/layer_{l}/moe/experts/wi_up
ffn_down_exps transformer/stack/layer_{l}/moe/experts/wo
bias kernel bias
)"},
    {"brx", outside_kind::meaning, false, R"(
token_embd backbone.wte.weight
output_norm backbone.norm_f.weight
output lm_head.weight
attn_norm backbone.blocks.{l}.norm_1.weight
attn_q backbone.blocks.{l}.attn.Wqkv.weight
attn_k backbone.blocks.{l}.attn.Wqkv.weight
attn_v backbone.blocks.{l}.attn.Wqkv.weight
attn_output backbone.blocks.{l}.attn.out_proj.weight
ffn_norm backbone.blocks.{l}.norm_2.weight
ffn_gate backbone.blocks.{l}.ffn.w1.weight
ffn_up backbone.blocks.{l}.ffn.v1.weight
ffn_down backbone.blocks.{l}.ffn.w2.weight
ffn_gate_inp backbone.blocks.{l}.ffn.router.layer.weight
ffn_gate_exps backbone.blocks.{l}.ffn.experts.{e}.w1.weight
ffn_up_exps backbone.blocks.{l}.ffn.experts.{e}.v1.weight
ffn_down_exps backbone.blocks.{l}.ffn.experts.{e}.w2.weight
)"},
    {"sandwich", outside_kind::meaning, false, R"(
token_embd embedder.input_embedding.weight
output_norm final_norm.scale
output embedder.output_projection.weight
attn_norm layers.{l}.pre_attn_norm.scale
attn_q layers.{l}.attn.q.weight
attn_k layers.{l}.attn.k.weight
attn_v layers.{l}.attn.v.weight
attn_output layers.{l}.attn.o.weight
attn_post_norm layers.{l}.post_attn_norm.scale
ffn_norm layers.{l}.pre_ffw_norm.scale
ffn_gate layers.{l}.ffw.gate.weight
ffn_up layers.{l}.ffw.up.weight
ffn_down layers.{l}.ffw.down.weight
ffn_post_norm layers.{l}.post_ffw_norm.scale
)"},
    {"einsum", outside_kind::meaning, true, R"(
token_embd transformer/embedder/input_embedding
output_norm transformer/final_norm/scale
attn_norm transformer/layer_{l}/pre_attention_norm/scale
attn_q transformer/layer_{l}/attn/q_einsum/w
attn_k transformer/layer_{l}/attn/kv_einsum/w
attn_v transformer/layer_{l}/attn/kv_einsum/w
attn_output transformer/layer_{l}/attn/attn_vec_einsum/w
ffn_norm transformer/layer_{l}/pre_ffw_norm/scale
ffn_gate transformer/layer_{l}/mlp/gating_einsum/w
ffn_up transformer/layer_{l}/mlp/gating_einsum/w
ffn_down transformer/layer_{l}/mlp/linear/w
)"},
    {"letters", outside_kind::meaning, false, R"(
token_embd EMB
output_norm FN
output HEAD
attn_norm L{ll}.A.N
attn_q L{ll}.A.Q
attn_k L{ll}.A.K
attn_v L{ll}.A.V
attn_output L{ll}.A.O
ffn_norm L{ll}.F.N
ffn_gate L{ll}.F.G
ffn_up L{ll}.F.U
ffn_down L{ll}.F.D
)"},
    {"short", outside_kind::meaning, false, R"(
token_embd emb.w
output_norm fin.ln
output head.w
attn_norm blk{l}.sa.ln
attn_q blk{l}.sa.wq
attn_k blk{l}.sa.wk
attn_v blk{l}.sa.wv
attn_output blk{l}.sa.wo
ffn_norm blk{l}.ff.ln
ffn_gate blk{l}.ff.wg
ffn_up blk{l}.ff.wu
ffn_down blk{l}.ff.wd
ffn_gate_inp blk{l}.moe.wr
ffn_gate_exps blk{l}.moe.x{e}.wg
ffn_up_exps blk{l}.moe.x{e}.wu
ffn_down_exps blk{l}.moe.x{e}.wd
)"},
    {"essay", outside_kind::meaning, false, R"(
token_embd transformer_decoder.token_embedding_lookup.weight_matrix
output_norm transformer_decoder.final_normalization.scale_vector
output transformer_decoder.projection_to_vocabulary.weight_matrix
attn_norm transformer_decoder.layer_number_{m}.normalization_before_attention.scale_vector
attn_q transformer_decoder.layer_number_{m}.multi_head_self_attention.linear_projection_for_queries.weight_matrix
attn_k transformer_decoder.layer_number_{m}.multi_head_self_attention.linear_projection_for_keys.weight_matrix
attn_v transformer_decoder.layer_number_{m}.multi_head_self_attention.linear_projection_for_values.weight_matrix
attn_output transformer_decoder.layer_number_{m}.multi_head_self_attention.linear_projection_of_output.weight_matrix
ffn_norm transformer_decoder.layer_number_{m}.normalization_before_feed_forward.scale_vector
ffn_gate transformer_decoder.layer_number_{m}.gated_feed_forward.gate_projection.weight_matrix
ffn_up transformer_decoder.layer_number_{m}.gated_feed_forward.up_projection.weight_matrix
ffn_down transformer_decoder.layer_number_{m}.gated_feed_forward.down_projection.weight_matrix
bias .weight_matrix .bias_vector
)"},
    {"role_then_layer", outside_kind::meaning, false, R"(
token_embd embedding
output_norm final_prenorm
output lm_output
attn_norm attention_prenorm.{l}
attn_q query.{l}
attn_k key.{l}
attn_v value.{l}
attn_output attention_out.{l}
ffn_norm ffn_prenorm.{l}
ffn_gate gate.{l}
ffn_up up.{l}
ffn_down down.{l}
)"},
    {"kind_folders", outside_kind::meaning, false, R"(
token_embd weights/embedding/tokens
output_norm norms/output
output weights/output/logits
attn_norm norms/attention/layer{ll}
attn_q weights/attention/query/layer{ll}
attn_k weights/attention/key/layer{ll}
attn_v weights/attention/value/layer{ll}
attn_output weights/attention/output/layer{ll}
ffn_norm norms/feedforward/layer{ll}
ffn_gate weights/feedforward/gate/layer{ll}
ffn_up weights/feedforward/up/layer{ll}
ffn_down weights/feedforward/down/layer{ll}
)"},
    {"tied_mpt", outside_kind::meaning, false, R"(
token_embd model.wte.weight
output_norm model.norm_f.weight
attn_norm model.blocks.{l}.norm_1.weight
attn_q model.blocks.{l}.attn.Wqkv.weight
attn_k model.blocks.{l}.attn.Wqkv.weight
attn_v model.blocks.{l}.attn.Wqkv.weight
attn_output model.blocks.{l}.attn.out_proj.weight
ffn_norm model.blocks.{l}.norm_2.weight
ffn_gate model.blocks.{l}.ffn.gate_proj.weight
ffn_up model.blocks.{l}.ffn.up_proj.weight
ffn_down model.blocks.{l}.ffn.down_proj.weight
bias weight bias
)"},
    {"speech", outside_kind::meaning, false, R"(
token_embd embed.0.weight
output_norm after_norm.weight
output output_layer.weight
attn_norm decoders.{l}.norm1.weight
attn_q decoders.{l}.self_attn.linear_q.weight
attn_k decoders.{l}.self_attn.linear_k.weight
attn_v decoders.{l}.self_attn.linear_v.weight
attn_output decoders.{l}.self_attn.linear_out.weight
ffn_norm decoders.{l}.norm2.weight
ffn_gate decoders.{l}.feed_forward.gate.weight
ffn_up decoders.{l}.feed_forward.w_1.weight
ffn_down decoders.{l}.feed_forward.w_2.weight
bias .weight .bias
)"},
    {"translate", outside_kind::meaning, false, R"(
token_embd decoder/embeddings/weight
output_norm decoder/layer_norm/gamma
output decoder/projection/weight
attn_norm decoder/layer_{l}/self_attention/layer_norm/gamma
attn_q decoder/layer_{l}/self_attention/linear_0/weight
attn_k decoder/layer_{l}/self_attention/linear_0/weight
attn_v decoder/layer_{l}/self_attention/linear_0/weight
attn_output decoder/layer_{l}/self_attention/linear_1/weight
ffn_norm decoder/layer_{l}/ffn/layer_norm/gamma
ffn_gate decoder/layer_{l}/ffn/linear_0/weight
ffn_up decoder/layer_{l}/ffn/linear_0_noact/weight
ffn_down decoder/layer_{l}/ffn/linear_1/weight
bias /weight /bias
)"},
    {"t2t", outside_kind::meaning, true, R"(
token_embd symbol_modality/shared/weights
output_norm body/decoder/final_norm/scale
output symbol_modality/softmax/weights
attn_norm body/decoder/layer_{l}/self_attention/prenorm/scale
attn_q body/decoder/layer_{l}/self_attention/multihead_attention/q/kernel
attn_k body/decoder/layer_{l}/self_attention/multihead_attention/k/kernel
attn_v body/decoder/layer_{l}/self_attention/multihead_attention/v/kernel
attn_output body/decoder/layer_{l}/self_attention/multihead_attention/output_transform/kernel
ffn_norm body/decoder/layer_{l}/ffn/prenorm/scale
ffn_gate body/decoder/layer_{l}/ffn/gate/kernel
ffn_up body/decoder/layer_{l}/ffn/expand/kernel
ffn_down body/decoder/layer_{l}/ffn/contract/kernel
)"},
    {"under_flat", outside_kind::meaning, false, R"(
token_embd tok_embd_w
output_norm out_norm_g
output out_w
attn_norm blk_{l}_attn_norm_g
attn_q blk_{l}_attn_q_w
attn_k blk_{l}_attn_k_w
attn_v blk_{l}_attn_v_w
attn_output blk_{l}_attn_out_w
ffn_norm blk_{l}_ffn_norm_g
ffn_gate blk_{l}_ffn_gate_w
ffn_up blk_{l}_ffn_up_w
ffn_down blk_{l}_ffn_down_w
ffn_gate_inp blk_{l}_ffn_router_w
ffn_gate_exps blk_{l}_ffn_exps_gate_w
ffn_up_exps blk_{l}_ffn_exps_up_w
ffn_down_exps blk_{l}_ffn_exps_down_w
bias _w _b
)"},
    {"ft_bin", outside_kind::meaning, true, R"(
token_embd model.wte.0
output_norm model.final_layernorm.weight.0
output model.lm_head.weight.0
attn_norm model.layers.{l}.input_layernorm.weight.0
attn_q model.layers.{l}.attention.query_key_value.weight.0
attn_k model.layers.{l}.attention.query_key_value.weight.0
attn_v model.layers.{l}.attention.query_key_value.weight.0
attn_output model.layers.{l}.attention.dense.weight.0
ffn_norm model.layers.{l}.post_attention_layernorm.weight.0
ffn_gate model.layers.{l}.mlp.gate_proj.weight.0
ffn_up model.layers.{l}.mlp.up_proj.weight.0
ffn_down model.layers.{l}.mlp.down_proj.weight.0
bias weight.0 bias.0
)"},
    {"turbo", outside_kind::meaning, true, R"(
token_embd tok_embeddings.tm
output_norm norm.tm
output output.tm
attn_norm layers.{l}.attention_norm.tm
attn_q layers.{l}.attention.w_qkv.tm
attn_k layers.{l}.attention.w_qkv.tm
attn_v layers.{l}.attention.w_qkv.tm
attn_output layers.{l}.attention.wo.tm
ffn_norm layers.{l}.ffn_norm.tm
ffn_gate layers.{l}.feed_forward.w13.tm
ffn_up layers.{l}.feed_forward.w13.tm
ffn_down layers.{l}.feed_forward.w2.tm
)"},
    {"deep_containers", outside_kind::meaning, false, R"(
token_embd module.embed.w
output_norm module.final_norm.w
output module.unembed.w
attn_norm module.{l}.attention.norm_w
attn_q module.{l}.attention.attn_qkvw
attn_k module.{l}.attention.attn_qkvw
attn_v module.{l}.attention.attn_qkvw
attn_output module.{l}.attention.attn_ow
ffn_norm module.{l}.mlp.norm_w
ffn_gate module.{l}.mlp.inter_gate_w
ffn_up module.{l}.mlp.inter_up_w
ffn_down module.{l}.mlp.output_w
)"},
    {"lucid", outside_kind::meaning, false, R"(
token_embd token_emb.weight
output_norm norm.gamma
output to_logits.weight
attn_norm layers.{l}.0.norm.gamma
attn_q layers.{l}.0.to_q.weight
attn_k layers.{l}.0.to_k.weight
attn_v layers.{l}.0.to_v.weight
attn_output layers.{l}.0.to_out.weight
ffn_norm layers.{l}.1.norm.gamma
ffn_gate layers.{l}.1.to_gate.weight
ffn_up layers.{l}.1.to_hidden.weight
ffn_down layers.{l}.1.to_out.weight
)"},
    {"to_kv", outside_kind::meaning, false, R"(
token_embd token_emb.weight
output_norm final_norm.g
output to_logits.weight
attn_norm layers.{l}.attn.norm.g
attn_q layers.{l}.attn.to_q.weight
attn_k layers.{l}.attn.to_kv.weight
attn_v layers.{l}.attn.to_kv.weight
attn_output layers.{l}.attn.to_out.weight
ffn_norm layers.{l}.ff.norm.g
ffn_gate layers.{l}.ff.proj_in.weight
ffn_up layers.{l}.ff.proj_in.weight
ffn_down layers.{l}.ff.proj_out.weight
)"},
    {"clojure", outside_kind::meaning, false, R"(
token_embd :embed/tokens
output_norm :final/rms
output :head/tokens
attn_norm :layer-{l}/attn-rms
attn_q :layer-{l}/attn-q
attn_k :layer-{l}/attn-k
attn_v :layer-{l}/attn-v
attn_output :layer-{l}/attn-out
ffn_norm :layer-{l}/mlp-rms
ffn_gate :layer-{l}/mlp-gate
ffn_up :layer-{l}/mlp-up
ffn_down :layer-{l}/mlp-down
)"},
    {"hdf", outside_kind::meaning, true, R"(
token_embd /model_weights/token_embedding/embeddings
output_norm /model_weights/final_rms_norm/scale
output /model_weights/logits/kernel
attn_norm /model_weights/decoder_layer_{l}/attention_rms_norm/scale
attn_q /model_weights/decoder_layer_{l}/attention/query/kernel
attn_k /model_weights/decoder_layer_{l}/attention/key/kernel
attn_v /model_weights/decoder_layer_{l}/attention/value/kernel
attn_output /model_weights/decoder_layer_{l}/attention/attention_output/kernel
ffn_norm /model_weights/decoder_layer_{l}/ffn_rms_norm/scale
ffn_gate /model_weights/decoder_layer_{l}/ffn/gate/kernel
ffn_up /model_weights/decoder_layer_{l}/ffn/intermediate/kernel
ffn_down /model_weights/decoder_layer_{l}/ffn/output/kernel
bias kernel bias
)"},
    {"matlab", outside_kind::meaning, true, R"(
token_embd net.emb.W
output_norm net.normOut.g
output net.proj.W
attn_norm net.block{m}.attn.normIn.g
attn_q net.block{m}.attn.Wq
attn_k net.block{m}.attn.Wk
attn_v net.block{m}.attn.Wv
attn_output net.block{m}.attn.Wo
ffn_norm net.block{m}.mlp.normIn.g
ffn_gate net.block{m}.mlp.Wg
ffn_up net.block{m}.mlp.Wu
ffn_down net.block{m}.mlp.Wd
)"},
    {"env_upper", outside_kind::meaning, false, R"(
token_embd TOKEN_EMBEDDING_WEIGHT
output_norm FINAL_NORM_WEIGHT
output LM_HEAD_WEIGHT
attn_norm LAYER_{ll}_ATTENTION_NORM_WEIGHT
attn_q LAYER_{ll}_ATTENTION_QUERY_WEIGHT
attn_k LAYER_{ll}_ATTENTION_KEY_WEIGHT
attn_v LAYER_{ll}_ATTENTION_VALUE_WEIGHT
attn_output LAYER_{ll}_ATTENTION_OUTPUT_WEIGHT
ffn_norm LAYER_{ll}_MLP_NORM_WEIGHT
ffn_gate LAYER_{ll}_MLP_GATE_WEIGHT
ffn_up LAYER_{ll}_MLP_UP_WEIGHT
ffn_down LAYER_{ll}_MLP_DOWN_WEIGHT
ffn_gate_inp LAYER_{ll}_MLP_ROUTER_WEIGHT
ffn_gate_exps LAYER_{ll}_MLP_EXPERT_{ee}_GATE_WEIGHT
ffn_up_exps LAYER_{ll}_MLP_EXPERT_{ee}_UP_WEIGHT
ffn_down_exps LAYER_{ll}_MLP_EXPERT_{ee}_DOWN_WEIGHT
bias _WEIGHT _BIAS
)"},
    {"sparse_switch", outside_kind::meaning, false, R"(
token_embd model.embed.weight
output_norm model.last_norm.weight
output model.lm_proj.weight
attn_norm model.layer.{l}.norm_attn.weight
attn_q model.layer.{l}.attn.q_lin.weight
attn_k model.layer.{l}.attn.k_lin.weight
attn_v model.layer.{l}.attn.v_lin.weight
attn_output model.layer.{l}.attn.out_lin.weight
ffn_norm model.layer.{l}.norm_ffn.weight
ffn_gate model.layer.{l}.ffn.lin_gate.weight
ffn_up model.layer.{l}.ffn.lin_up.weight
ffn_down model.layer.{l}.ffn.lin_down.weight
ffn_gate_inp model.layer.{l}.moe.gating.weight
ffn_gate_exps model.layer.{l}.moe.branches.{e}.lin_gate.weight
ffn_up_exps model.layer.{l}.moe.branches.{e}.lin_up.weight
ffn_down_exps model.layer.{l}.moe.branches.{e}.lin_down.weight
bias .weight .bias
)"},
    {"stage_nested", outside_kind::meaning, false, R"(
token_embd pre.embed.w
output_norm post.norm.w
output post.head.w
attn_norm body.{l}.mha.ln.w
attn_q body.{l}.mha.lin_q.w
attn_k body.{l}.mha.lin_k.w
attn_v body.{l}.mha.lin_v.w
attn_output body.{l}.mha.lin_o.w
ffn_norm body.{l}.glu.ln.w
ffn_gate body.{l}.glu.lin_gate.w
ffn_up body.{l}.glu.lin_value.w
ffn_down body.{l}.glu.lin_out.w
bias .w .b
)"},
    {"moe_fused", outside_kind::meaning, false, R"(
token_embd embed_in.weight
output_norm final_norm.weight
output embed_out.weight
attn_norm layers.{l}.attention_norm.weight
attn_q layers.{l}.attention.qkv.weight
attn_k layers.{l}.attention.qkv.weight
attn_v layers.{l}.attention.qkv.weight
attn_output layers.{l}.attention.proj.weight
ffn_norm layers.{l}.moe_norm.weight
ffn_gate layers.{l}.moe.gate_and_up.weight
ffn_up layers.{l}.moe.gate_and_up.weight
ffn_down layers.{l}.moe.down.weight
ffn_gate_inp layers.{l}.moe.router.weight
ffn_gate_exps layers.{l}.moe.experts.gate_and_up
ffn_up_exps layers.{l}.moe.experts.gate_and_up
ffn_down_exps layers.{l}.moe.experts.down
)"},
    {"qweight_style", outside_kind::meaning, false, R"(
token_embd embd/weight
output_norm norm_out/weight
output logits/weight
attn_norm l{lll}/norm_att/weight
attn_q l{lll}/att/query/weight
attn_k l{lll}/att/key/weight
attn_v l{lll}/att/value/weight
attn_output l{lll}/att/merge/weight
ffn_norm l{lll}/norm_ff/weight
ffn_gate l{lll}/ff/gate/weight
ffn_up l{lll}/ff/up/weight
ffn_down l{lll}/ff/down/weight
bias /weight /bias
)"},
    {"cpp_members", outside_kind::meaning, false, R"(
token_embd m_embed.m_weight
output_norm m_norm.m_weight
output m_head.m_weight
attn_norm m_layers.{l}.m_attn_norm.m_weight
attn_q m_layers.{l}.m_attn.m_q.m_weight
attn_k m_layers.{l}.m_attn.m_k.m_weight
attn_v m_layers.{l}.m_attn.m_v.m_weight
attn_output m_layers.{l}.m_attn.m_o.m_weight
ffn_norm m_layers.{l}.m_mlp_norm.m_weight
ffn_gate m_layers.{l}.m_mlp.m_gate.m_weight
ffn_up m_layers.{l}.m_mlp.m_up.m_weight
ffn_down m_layers.{l}.m_mlp.m_down.m_weight
bias m_weight m_bias
)"},
    {"scope_colons", outside_kind::meaning, false, R"(
token_embd Llm::Embed::table
output_norm Llm::Norm::gain
output Llm::Logits::mat
attn_norm Llm::Block::{l}::Attn::Norm::gain
attn_q Llm::Block::{l}::Attn::Query::mat
attn_k Llm::Block::{l}::Attn::Key::mat
attn_v Llm::Block::{l}::Attn::Value::mat
attn_output Llm::Block::{l}::Attn::Out::mat
ffn_norm Llm::Block::{l}::Glu::Norm::gain
ffn_gate Llm::Block::{l}::Glu::Gate::mat
ffn_up Llm::Block::{l}::Glu::Up::mat
ffn_down Llm::Block::{l}::Glu::Down::mat
ffn_gate_inp Llm::Block::{l}::Moe::Router::mat
ffn_gate_exps Llm::Block::{l}::Moe::Expert::{e}::Gate::mat
ffn_up_exps Llm::Block::{l}::Moe::Expert::{e}::Up::mat
ffn_down_exps Llm::Block::{l}::Moe::Expert::{e}::Down::mat
)"},
    {"half_gates", outside_kind::meaning, false, R"(
token_embd vocab.in
output_norm norm.last
output vocab.out
attn_norm depth.{l}.self.prenorm
attn_q depth.{l}.self.queries
attn_k depth.{l}.self.keys
attn_v depth.{l}.self.values
attn_output depth.{l}.self.combine
ffn_norm depth.{l}.ffw.prenorm
ffn_gate depth.{l}.ffw.gating
ffn_up depth.{l}.ffw.linear_in
ffn_down depth.{l}.ffw.linear_out
)"},
    {"qkv_stack", outside_kind::meaning, true, R"(
token_embd tables/tokens
output_norm norms/final
output proj/vocab
attn_norm layer/{ll}/norms/attn
attn_q layer/{ll}/proj/qkv
attn_k layer/{ll}/proj/qkv
attn_v layer/{ll}/proj/qkv
attn_output layer/{ll}/proj/attn_out
ffn_norm layer/{ll}/norms/mlp
ffn_gate layer/{ll}/proj/glu_in
ffn_up layer/{ll}/proj/glu_in
ffn_down layer/{ll}/proj/glu_out
)"},
};

}  // namespace test

#endif
